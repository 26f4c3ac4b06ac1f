"""What air feels like, by the heat index of the US National Weather Service, and how much water it can hold.

Takes arrays of temperature and humidity, gives °C and hPa. Remembers nothing.
"""

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def heat_index_c(temperature_c: F64, humidity: F64) -> F64:
    """What it feels like, °C: the regression of Rothfusz with the adjustments of the NWS, and below 80 °F the
    simple formula of Steadman. Source: NWS technical attachment SR 90-23. Arrays of any one shape.
    """
    f = temperature_c * 1.8 + 32
    r = humidity
    simple = 0.5 * (f + 61.0 + (f - 68.0) * 1.2 + r * 0.094)
    full = (
        -42.379
        + 2.04901523 * f
        + 10.14333127 * r
        - 0.22475541 * f * r
        - 6.83783e-3 * f * f
        - 5.481717e-2 * r * r
        + 1.22874e-3 * f * f * r
        + 8.5282e-4 * f * r * r
        - 1.99e-6 * f * f * r * r
    )
    dry = (13 - r) / 4 * np.sqrt(np.maximum(17 - np.abs(f - 95), 0) / 17)
    full = np.where((r < 13) & (f > 80) & (f < 112), full - dry, full)
    full = np.where((r > 85) & (f > 80) & (f < 87), full + (r - 85) / 10 * (87 - f) / 5, full)
    return np.asarray((np.where((simple + f) / 2 < 80, (simple + f) / 2, full) - 32) / 1.8)


def saturation_hpa(temperature_c: F64) -> F64:
    """Vapour pressure in hPa at which air of °C is saturated (Magnus, WMO No. 8); relative humidity is the
    share of it that there is.
    """
    return np.asarray(6.112 * np.exp(17.62 * temperature_c / (243.12 + temperature_c)))
