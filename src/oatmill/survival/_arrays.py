"""Names for arrays in annotations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Any, not float64: numpy's annotations give bincount and cumprod integers, and linalg a wider float, than they return.
Floats = NDArray[Any]
"""Array of float64."""
Integers = NDArray[np.int64]
"""Array of int64."""
