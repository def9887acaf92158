"""The equations of the Methods page as MathML: browsers set them themselves, nothing is fetched."""

from __future__ import annotations

import html

__all__ = ["COMPONENTS", "LEARNING", "MODEL", "SCALARS", "TRACEABILITY", "equation"]

_GAP = "gap"


def equation(*parts: str, spoken: str = "") -> str:
    """A line of mathematics; where it is too long, it breaks at its gaps.

    Parameters
    ----------
    *parts : str
        MathML, or plain names, numbers and operators.
    spoken : str
        What a screen reader says instead.
    """
    said = f' aria-label="{html.escape(spoken)}"' if spoken else ""
    pieces: list[list[str]] = [[]]
    for part in parts:
        if part == _GAP:
            pieces.append([])
        else:
            pieces[-1].append(part)
    lines = (f'<math displaystyle="true"{said}>{_row(*piece)}</math>' for piece in pieces)
    return f'<p class="eq">{" ".join(f"<span>{line}</span>" for line in lines)}</p>'


def _one(part: str) -> str:
    if part.startswith("<m"):
        return part
    text = html.escape(part)
    if part[0].isdigit():
        return f"<mn>{text}</mn>"
    if part in "=+−×·/()[]|,<≥∑" or part in ("mean", "min", "exp", "ln", "cosh"):
        return f"<mo>{text}</mo>"
    return f"<mi>{text}</mi>"


def _row(*parts: str) -> str:
    return f"<mrow>{''.join(map(_one, parts))}</mrow>"


def _sub(base: str, below: str) -> str:
    return f"<msub>{_one(base)}<mi>{html.escape(below)}</mi></msub>"


def _sup(base: str, *above: str) -> str:
    return f"<msup>{_one(base)}{_row(*above)}</msup>"


def _over(above: str, below: str) -> str:
    return f"<mfrac>{_one(above)}{_one(below)}</mfrac>"


def _sum(index: str) -> str:
    return f"<munder><mo>∑</mo><mi>{index}</mi></munder>"


def _words(text: str) -> str:
    return f"<mtext>{html.escape(text).replace(' ', '&nbsp;')}</mtext>"


_XI, _TAU = (lambda below: _sub("ξ", below)), (lambda below: _sub("τ", below))
_STEADY = equation(
    "B", "I", "+", "A", "K", "X", "−", "V", "X", "=", "0",
    spoken="B I plus A K X minus V X equals zero",
)  # fmt: skip
_RATE = equation(
    _sub("K", "pj"), "=", _over("1", _TAU("p")), _XI("D"), "(", _sub("z", "j"), ")", "·",
    _sub("mean", "months"), "(", _XI("T"), _XI("W"), _XI("O"), "[", _XI("N"), "]", ")",
)  # fmt: skip
_INPUT = equation(
    _sub("B", "j"), "=", _over(
        _row(_sup("β", "100", _sub("z", "j−1")), "−", _sup("β", "100", _sub("z", "j"))),
        _row(_sub("Δz", "j"), _sum("k"), "(", _sup("β", "100", _sub("z", "k−1")), "−",
             _sup("β", "100", _sub("z", "k")), ")"),
    ),
)  # fmt: skip
MODEL = f"""
<h2>The process model</h2>
<p>Seven pools (coarse woody debris; metabolic, cellulose and lignin litter; fast, slow and passive
soil) in 20 soil layers down to 8.6 m (CLM5), solved at steady state for each site:</p>
{_STEADY}
<p><i>X</i> are the pools (gC m⁻³), <i>I</i> is the plant carbon input (gC m⁻² yr⁻¹) and <i>B</i>
its allocation to pools and layers; <i>A</i> holds −1 on its diagonal and the transfers between
pools beside it; <i>K</i> the decomposition rates; <i>V</i> the vertical transport. SOC is the sum
of the fast, slow and passive pools. The rate of pool <i>p</i> in layer <i>j</i> is</p>
{_RATE}
<p>with baseline turnover time <i>τ</i>; the nitrogen scalar acts on the three litter pools only.
Input enters by the depth <i>z</i> (m) of the layers' interfaces:</p>
{_INPUT}
<p>Parameters called here <i>τ</i>, <i>β</i>, q10, w_scaling, efolding, diffus and cryo, and the
transfers in <i>A</i>, are the 21 that differ from site to site.</p>
"""

_TEMPERATURE = equation(
    _XI("T"), "=", _sup("q10", "(", "T", "−", "298.15 K", ")", "/", "10 K"), _GAP,
    _XI("W"), "=", "min", "(", "1", ",", _words("w_scaling"), "·", "W", ")", _GAP,
    _XI("D"), "=", "exp", "(", "−", "z", "/", _words("efolding"), ")",
)  # fmt: skip
_MIXING = equation(
    "(", "V", "X", _sub(")", "j"), "=",
    _sub("a", "j"), "(", _sub("X", "j"), "−", _sub("X", "j−1"), ")", "+",
    _sub("c", "j"), "(", _sub("X", "j"), "−", _sub("X", "j+1"), ")", _GAP,
    _sub("a", "j"), "≈", _over(_words("D"), _row(_sub("Δz", "j"), "(", _sub("z", "j"), "−",
                                                _sub("z", "j−1"), ")")),
)  # fmt: skip
SCALARS = f"""
<h2>Environmental scalars and transport</h2>
{_TEMPERATURE}
<p><i>T</i> is the monthly soil temperature of each layer, <i>W</i> CLM5's monthly water scalar;
<i>ξ</i><sub>O</sub> (oxygen) and <i>ξ</i><sub>N</sub> (nitrogen) come from CLM5 as they are.
Monthly products are averaged over the year.</p>
{_MIXING}
<p>Carbon diffuses between neighbouring layers of thickness Δ<i>z</i> and node depth <i>z</i>;
<i>a</i> is 0 at the top and <i>c</i> at the bottom. <i>D</i> is diffus (bioturbation) where the
ground thaws deeper than 2 m, else cryo (cryoturbation), which fades out below the active layer and
is 0 from 3 m on. Coarse woody debris does not move.</p>
<h2>Bedrock schemes</h2>
<p><b>Conserving</b>: litter enters above bedrock only, nothing crosses it, and respiration equals
input. <b>Published</b>: the code of the paper to rounding; pools exist below bedrock, and carbon
is not conserved there. Observations below the deepest soil node take that node's value under the
conserving scheme.</p>
"""

_WEIGHTED = _sub("S", "pj"), _XI("j"), _sub("Δz", "j")
_FLUX = equation(
    _sub("F", "p"), "=", _over("1", _TAU("p")), _sum("j"), *_WEIGHTED, _GAP,
    _words("transfer efficiency"), "=",
    _over(_row(_sum("k"), _sub("f", "k"), _sub("F", "p(k)")), _row(_sum("p"), _sub("F", "p"))),
)  # fmt: skip
_BASELINE = equation(
    _words("by stock: "), _over(_row(_sum("p"), _sub("C", "p"), "/", _TAU("p")),
                               _row(_sum("p"), _sub("C", "p"))),
    ",", _sub("C", "p"), "=", _sum("j"), _sub("S", "pj"), _sub("Δz", "j"), _GAP,
    _words("as published: "), _sub("C", "p"), "=", _sum("j"), _sub("S", "pj"),
)  # fmt: skip
_MODIFIER = equation(
    _words("environmental modifier"), "=",
    _over(_row(_sum("j"), _XI("j"), _sub("SOC", "j"), _sub("Δz", "j")),
          _row(_sum("j"), _sub("SOC", "j"), _sub("Δz", "j"))), _GAP,
    _words("vertical transport"), "=",
    _over(_row(_sum("j"), _sub("V", "jj"), _sub("SOC", "j"), _sub("Δz", "j")),
          _row(_sum("j"), _sub("SOC", "j"), _sub("Δz", "j"))),
)  # fmt: skip
_ALLOCATION = equation(
    _words("input allocation, by stock: "), _sub("mean", "j"), "exp",
    _over(_row("ln", "(", "1", "−", _sub("R", "j"), ")"), _row("100", _sub("z", "j"))), _GAP,
    _words("as published: "), _over(_row("β", "−", "0.5"), _row("0.9999", "−", "0.5")),
)  # fmt: skip
COMPONENTS = f"""
<h2>Components, in both definitions</h2>
<p>One number each a site. <i>S</i><sub>pj</sub> is pool <i>p</i> in layer <i>j</i>,
<i>ξ</i><sub>j</sub> = mean(<i>ξ</i><sub>T</sub>) mean(<i>ξ</i><sub>W</sub>) <i>ξ</i><sub>D</sub>
over the months, without oxygen and nitrogen.</p>
{_FLUX}
<p>over the eight transfers <i>f</i><sub>k</sub> out of litter and soil pools (that of coarse woody
debris left out), each with the flux of the pool it leaves.</p>
<p>Baseline decomposition, yr⁻¹, over all seven pools; the layers' thickness is missing from the
weights of the authors' code:</p>
{_BASELINE}
{_MODIFIER}
{_ALLOCATION}
<p><i>R</i><sub>j</sub> is the part of the input down to the lower interface of layer <i>j</i>;
layers where it is 1 are left out. The authors' code plots the normalised β under this name. Plant
carbon input is the annual sum of <i>I</i>; it, transfer efficiency, modifier and transport are the
same in both definitions.</p>
"""

_STORAGE = equation(
    _words("storage"), "=", _sum("p"), _sum("j"), _sub("S", "pj"), _sub("Δz", "j"), "=",
    "I", "×", _TAU("E"), _GAP, _TAU("E"), "=", _over(_TAU("B"), _words("environmental scalar")),
)  # fmt: skip
TRACEABILITY = f"""
<h2>Traceability</h2>
{_STORAGE}
<p>Storage counts all seven pools of the whole column, litter and wood included; <i>I</i> is the
carbon influx, <i>τ</i><sub>E</sub> the ecosystem residence time, the environmental scalar is the
modifier above, and the baseline residence time <i>τ</i><sub>B</sub> follows from it. Of several
sites together, <i>τ</i><sub>E</sub> is mean storage / mean influx and the scalar is weighted by
storage, so that both equations hold for them too; means of the sites' ratios would not multiply.
The paper takes the median over the folds in each cell and then the mean over each ecoregion.</p>
"""

_PARAMETER = equation(
    _words("parameter"), "=", _words("lower"), "+", "u", "(", _words("upper"), "−",
    _words("lower"), ")", _GAP, "0", "<", "u", "<", "1",
)  # fmt: skip
_LOSS = equation(
    "L", "=", _sub("mean", "points"), _words("ℓ"), "(", "s", "−", "o", ")", _GAP, "+", "100",
    _sub("mean", "sites, parameters"), "[", "cosh", "(", "10", "(", "u", "−", "0.5", ")", ")",
    "−", "1", "]",
)  # fmt: skip
_SMOOTH = equation(
    _words("ℓ"), "(", "d", ")", "=", _over(_sup("d", "2"), "2"), _words(" if "), "|", "d", "|",
    "<", "1", ",", _words(" else "), "|", "d", "|", "−", _over("1", "2"),
)  # fmt: skip
_EFFICIENCY = equation(
    _words("NSE"), "=", "1", "−",
    _over(_row(_sum("i"), "(", _sub("s", "i"), "−", _sub("o", "i"), _sup(")", "2")),
          _row(_sum("i"), "(", _sub("o", "i"), "−", "<mover><mi>o</mi><mo>¯</mo></mover>",
               _sup(")", "2"))),
)  # fmt: skip
LEARNING = f"""
<h2>The network, its loss and its score</h2>
<p>BINN (Xu et al. 2025) maps each site's covariates to the 21 parameters, inside their prior
ranges, and is trained on observed SOC through the process model:</p>
{_PARAMETER}
{_LOSS}
{_SMOOTH}
<p><i>s</i> is simulated and <i>o</i> observed SOC at the observed depths, gC m⁻³ as the paper's
code has it; the second term keeps parameters off the ends of their ranges. A training may choose
another misfit, unit or weight: its settings stand with the run. Scores pool all observations of a
set:</p>
{_EFFICIENCY}
<p>with Pearson's <i>r</i>, the root mean square error and the bias, mean(<i>s</i> − <i>o</i>),
beside.</p>
<h2>PRODA</h2>
<p>PRODA (Tao et al. 2020, 2023) takes two steps where BINN takes one: the process model is first
calibrated to each profile by itself (Markov chain Monte Carlo), then a neural network learns to
predict those calibrated parameters from the covariates. The process model is not part of that
training, so that what the first step cannot tell from one profile, the second cannot either.</p>
"""
