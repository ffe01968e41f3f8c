/** Small charts of the last hour, as SVG without a script. */

import { Html, html } from "./html";
import type { Sample } from "./snapshot";

/** The size of a chart in its own units, and the room above the highest point. */
const WIDTH = 240;
const HEIGHT = 56;
const ROOM = 3;

/** The period that a chart shows, in milliseconds. */
const HOUR = 60 * 60 * 1000;

/** A point: a time, and what it was then. */
export interface Point {
  readonly time: number;
  readonly value: number;
}

/** What a chart shows of the samples: a number at each time, or how much a count grows in a second. */
export function levels(samples: readonly Sample[], of: (sample: Sample) => number): Point[] {
  return samples.map((sample) => ({ time: sample.time, value: of(sample) }));
}

/** As `levels`. @param per the period for which the growth is told, in seconds */
export function rates(samples: readonly Sample[], of: (sample: Sample) => number, per: number): Point[] {
  return samples.slice(1).map((sample, index) => {
    const before = samples[index] as Sample;
    const seconds = Math.max(0.001, (sample.time - before.time) / 1000);
    return { time: sample.time, value: ((of(sample) - of(before)) * per) / seconds };
  });
}

/** The greatest value. */
export function most(points: readonly Point[]): number {
  return points.reduce((top, { value }) => Math.max(top, value), 0);
}

/** Draws points as an area under a line. @param now the right edge @param least what the top is at least */
export function chart(points: readonly Point[], now: number, label: string, kind: string, least: number): Html {
  const top = Math.max(most(points), least);
  const x = (time: number) => round(WIDTH * Math.max(0, 1 - (now - time) / HOUR));
  const y = (value: number) => round(HEIGHT - 1 - (HEIGHT - 1 - ROOM) * (value / top));
  const placed = points.filter(({ time }) => now - time <= HOUR);
  const grid = [0.25, 0.5, 0.75].map((part) => `M${WIDTH * part} 0V${HEIGHT}`).join("");
  const line = placed.map(({ time, value }, index) => `${index === 0 ? "M" : "L"}${x(time)} ${y(value)}`).join("");
  const [first, last] = [placed[0], placed.at(-1)];
  const area = first && last ? `${line}L${x(last.time)} ${HEIGHT}L${x(first.time)} ${HEIGHT}Z` : "";
  const shape = `<path class="area" d="${area}"/><path class="line" d="${line}"/>`;
  return html`<svg class="chart ${kind}" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label}"><path class="grid" d="${grid}"/><path class="base" d="M0 ${HEIGHT - 0.5}H${WIDTH}"/>${new Html(shape)}</svg>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
