"""The goals as a picture: how far each figure is on the right side of its goal, or on the wrong one."""

import math
import statistics
from html import escape

from goals import AT_LEAST, judged, spread

ROW, LABEL, WIDTH, FIGURE = 24, 380, 480, 260
# Factors of two that fit on either side of the goal.
LEFT, RIGHT = 2, 3
SCALE = WIDTH / (LEFT + RIGHT)
GOAL = LABEL + LEFT * SCALE


def _better(goal, value):
    """By which power of two the value is better than its goal, within the picture."""
    if value == goal.bound:
        return 0
    if goal.bound <= 0 or value <= 0:
        return RIGHT if (goal.relation == AT_LEAST) == (value > goal.bound) else -LEFT
    power = math.log2(value / goal.bound)
    return min(max(power if goal.relation == AT_LEAST else -power, -LEFT), RIGHT)


def svg(run):
    rows = [(goal, values, met) for goal, values, met in judged(run) if met is not None]
    height = ROW * (len(rows) + 2)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LABEL + WIDTH + FIGURE} {height}" '
        'font-family="sans-serif" font-size="12">')
    yield f'<rect width="100%" height="{height}" fill="#fff"/>'
    for power in range(-LEFT, RIGHT + 1):
        x = GOAL + power * SCALE
        name = "goal" if power == 0 else f"{2 ** abs(power)} × {'better' if power > 0 else 'worse'}"
        yield f'<text x="{x:.0f}" y="16" text-anchor="middle" fill="#555">{name}</text>'
        yield f'<path d="M{x:.0f} {ROW}V{height - ROW / 2}" stroke="{"#000" if power == 0 else "#ddd"}"/>'
    for number, (goal, values, met) in enumerate(rows, 1):
        y = number * ROW + 4
        places = [GOAL + SCALE * _better(goal, value) for value in (statistics.median(values), min(values), max(values))]
        left, right = min(GOAL, places[0]), max(GOAL, places[0])
        bound = f"{goal.relation} {goal.bound:,} {goal.unit}"
        yield f'<text x="{LABEL - 16}" y="{y + 13}" text-anchor="end">{escape(goal.what)}</text>'
        yield f'<rect x="{left:.1f}" y="{y}" width="{max(right - left, 1):.1f}" height="16" fill="{"#3a7" if met else "#c43"}"/>'
        yield f'<path d="M{min(places[1:]):.1f} {y + 8}H{max(places[1:]):.1f}" stroke="#000"/>'
        text = f"{spread(values, goal.places)}; {bound}"
        yield f'<text x="{LABEL + WIDTH + 12}" y="{y + 13}">{escape(text)}</text>'
    yield "</svg>"
