"""One file a view: state in the constructor, plots built once, only data patched afterwards."""
