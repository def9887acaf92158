"""What to cite with a figure or an export."""

from __future__ import annotations

import binn

__all__ = ["CITATIONS", "METHOD", "citation_text"]

METHOD = (
    "Xu, H., Fan, J., Tao, F., Jiang, L., You, F., Houlton, B. Z., Sun, Y., Gomes, C. P. & Luo, Y. "
    "(2025). Biogeochemistry-Informed Neural Network (BINN) for Improving Accuracy of Model "
    "Prediction and Scientific Understanding of Soil Organic Carbon. arXiv:2502.00672. "
    "https://doi.org/10.48550/arXiv.2502.00672"
)
SOFTWARE = f"The BINN explorer developers. BINN explorer, version {binn.__version__}."
CITATIONS = (METHOD, SOFTWARE)


def citation_text() -> str:
    """The references, one a line."""
    return "\n".join(CITATIONS)
