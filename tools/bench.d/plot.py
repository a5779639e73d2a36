"""Throughput against connections, as an SVG that stands alone."""
import math

CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
COLOURS = ('#888888', '#1b7837', '#2166ac', '#b2182b', '#e08214')
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 420, 70, 40, 150, 50


def sweep(client, loads, seconds):
    """{load name: [requests a second for each of CONNECTIONS]}"""
    rates = {load.name: [] for load in loads}
    for connections in CONNECTIONS:
        for load in loads:
            rates[load.name].append(client.run(load, connections, seconds)['rate'])
    return rates


def x_of(connections):
    share = math.log2(connections) / math.log2(CONNECTIONS[-1])
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def y_of(rate, low, high):
    """Both axes are logarithmic: a ratio has the same length everywhere."""
    share = (math.log10(rate) - low) / (high - low)
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def text(x, y, words, anchor='middle', colour='#333333'):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def line(x1, y1, x2, y2):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def grid(low, high):
    for connections in CONNECTIONS:
        x = x_of(connections)
        yield line(x, TOP, x, HEIGHT - BOTTOM)
        yield text(x, HEIGHT - BOTTOM + 18, connections)
    for power in range(low, high + 1):
        for rate in (n * 10 ** power for n in (1, 2, 5)):
            if low <= math.log10(rate) <= high:
                y = y_of(rate, low, high)
                yield line(LEFT, y, WIDTH - RIGHT, y)
                yield text(LEFT - 8, y + 4, f'{rate:,}', 'end')


def spread(ys, least=14):
    """Label positions in the order of ys, none nearer than `least` to the next."""
    places = {}
    last = -math.inf
    for name, y in sorted(ys.items(), key=lambda item: item[1]):
        last = places[name] = max(y, last + least)
    return places


def curves(rates, low, high):
    ends = spread({name: y_of(values[-1], low, high) for name, values in rates.items()})
    for (name, values), colour in zip(rates.items(), COLOURS):
        points = [(x_of(n), y_of(rate, low, high)) for n, rate in zip(CONNECTIONS, values)]
        yield f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="' \
              + ' '.join(f'{x:.1f},{y:.1f}' for x, y in points) + '"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
        yield text(WIDTH - RIGHT + 10, ends[name] + 4, name, 'start', colour)


def svg(rates, title):
    everything = [rate for values in rates.values() for rate in values]
    low, high = math.floor(math.log10(min(everything))), math.ceil(math.log10(max(everything)))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
             ' font-size="12">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             text(14, 16, title, 'start'), *grid(low, high), *curves(rates, low, high),
             text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, 'connections'),
             text(14, TOP - 8, 'requests/s', 'start'), '</svg>']
    return '\n'.join(parts) + '\n'
