"""The detector bench for a person: its figures as a few lines of text. Measures nothing."""

from typing import Any, Final

from simulator.bench.detectors import SHAPE, SHARE

WIDE: Final = 34  # of the first column below the first table


def table(figures: dict[str, Any]) -> str:
    """Write the figures of `detectors.run_detectors`, the most wanted first."""
    rates, bound = figures["frames_per_second"], figures["memory_bound_frames_per_second"][SHAPE]
    shares, blas = list(rates[SHAPE]), figures["blas"]
    lines = [
        "Thermal frames a second on one core, through background, blobs, tracks, posture and falls,",
        f"by array and share of the {figures['sensors']:,} sensors that have somebody in view.",
        f"Chunks of {figures['chunk']}; median of {figures['rounds']} rounds; {blas}, one thread (checked).",
        "",
        f"  {'array':<8}" + "".join(f"{float(share):>13.0%}" for share in shares) + "    state per sensor",
    ]
    for shape, of in rates.items():
        state_kb = figures["state_bytes_per_sensor"][shape] / 1000
        row = "".join(f"{of[share]:>13,}" for share in shares)
        lines.append(f"  {shape:<8}{row}{state_kb:>17.1f} kB")
    own = rates[SHAPE][SHARE]
    kb = figures["memory_bound_bytes_per_frame"] / 1000
    naive = figures["naive_frames_per_second"]
    rows = (
        ("this pipeline", own, ""),
        (
            "the same, one sensor in five idle",
            figures["scattered_frames_per_second"][SHAPE][SHARE],
            "as under a beat of 200 ms",
        ),
        (
            "the same, scipy label per frame",
            figures["scipy_label_frames_per_second"][SHAPE][SHARE],
            "for its blob search",
        ),
        ("plain Python, pixel by pixel", round(naive), "background and blobs only"),
        ("memory bound", bound, f"{kb:.1f} kB a frame at {figures['copy_gb_per_second']:.0f} GB/s"),
    )
    lines += ["", f"{SHAPE} at {float(SHARE):.0%}:"]
    lines += [
        f"  {name:<{WIDE}}{rate:>11,} frames/s{rate / bound:>9.2%} of the bound   {note}".rstrip()
        for name, rate, note in rows
    ]
    lines.append(f"  so {own / naive:,.0f} times as fast as plain Python")
    lines += ["", f"Where the time goes, {SHAPE} at {float(SHARE):.0%}, µs a frame:"]
    lines += [f"  {name:<{WIDE}}{us:>11.2f}" for name, us in figures["us_per_frame_by_station"].items()]
    lines += ["", f"By sensors, {SHAPE} at {float(SHARE):.0%}, µs a frame (least and most of the rounds):"]
    for many, us in figures["us_per_frame_by_sensors"].items():
        lines.append(f"  {int(many):<{WIDE},}{us['median']:>11.2f}   ({us['least']:.2f} to {us['most']:.2f})")
    return "\n".join(lines)
