/** The stylesheet of the status page: light and dark as the reader's system is, and for a phone. */

/** It stands in the page; the page's policy names its hash, and permits no other. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f5f7; --sheet: #ffffff; --ink: #171b22; --soft: #5a6372; --line: #e2e5ea; --faint: #f8f9fb;
  --accent: #2f5bd0; --wash: #e9effc; --good: #17764a; --good-wash: #e2f4ea; --warn: #8f5300; --warn-wash: #fdf0da;
  --bad: #b3261e; --bad-wash: #fce8e6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1116; --sheet: #161a21; --ink: #e5e8ee; --soft: #98a2b3; --line: #262c36; --faint: #1a1f27;
    --accent: #86a8ff; --wash: #1c2842; --good: #5fd39a; --good-wash: #14301f; --warn: #f0b75e; --warn-wash: #34260d;
    --bad: #ff8f85; --bad-wash: #3b1a18;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
.page { max-width: 76rem; margin: 0 auto; padding: 1.75rem 1.5rem 3rem; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; margin-bottom: 1.5rem; }
h1 { margin: 0; font-size: 1.35rem; font-weight: 650; letter-spacing: -.015em; }
.facts { margin: 0 0 0 auto; color: var(--soft); font-size: .8125rem; text-align: right; }
.facts span { display: inline-block; }
.facts span + span::before { content: "·"; margin: 0 .5em; }
.pill {
  display: inline-flex; align-items: center; gap: .45em; padding: .15rem .65rem; border-radius: 99px;
  font-size: .8125rem; font-weight: 550; white-space: nowrap;
}
.pill::before { content: ""; width: .5em; height: .5em; border-radius: 50%; background: currentColor; }
.good { color: var(--good); background: var(--good-wash); }
.warn { color: var(--warn); background: var(--warn-wash); }
.bad { color: var(--bad); background: var(--bad-wash); }
.plain { color: var(--soft); background: var(--faint); }
.busy { color: var(--accent); background: var(--wash); }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1rem; margin-bottom: 1rem; }
.tile, section { background: var(--sheet); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
.tile { display: flex; flex-direction: column; padding: .9rem 0 0; }
.tile h2, .tile p { padding: 0 1.1rem; }
.tile h2 { margin: 0; font-size: .8125rem; font-weight: 500; color: var(--soft); }
.tile p { margin: .1rem 0 0; }
.figure { font-size: 1.65rem; font-weight: 600; letter-spacing: -.02em; line-height: 1.25; }
.figure small { font-size: .8125rem; font-weight: 400; letter-spacing: 0; color: var(--soft); }
.note { font-size: .78rem; color: var(--soft); }
.chart { display: block; width: 100%; height: 3.5rem; margin-top: auto; color: var(--accent); }
.tile p:last-of-type { margin-bottom: .6rem; }
.chart.refused { color: var(--bad); }
.chart.data { color: var(--good); }
.chart path { vector-effect: non-scaling-stroke; fill: none; }
.chart .line { stroke: currentColor; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
.chart .area { fill: currentColor; opacity: .13; }
.chart .grid { stroke: var(--line); stroke-width: 1; stroke-dasharray: 2 3; }
.chart .base { stroke: var(--line); stroke-width: 1; }
section { margin-top: 1rem; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1rem; }
section > h2 {
  display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .6rem; margin: 0; padding: .85rem 1.1rem .7rem;
  font-size: .95rem; font-weight: 600;
}
section > h2 small { font-size: .8125rem; font-weight: 400; color: var(--soft); }
table { width: 100%; border-collapse: collapse; font-size: .875rem; }
th, td { padding: .45rem .6rem; text-align: left; vertical-align: baseline; border-top: 1px solid var(--line); }
th { font-size: .75rem; font-weight: 500; color: var(--soft); background: var(--faint); white-space: nowrap; }
th:first-child, td:first-child { padding-left: 1.1rem; }
th:last-child, td:last-child { padding-right: 1.1rem; }
tbody tr:hover { background: var(--faint); }
.number { text-align: right; white-space: nowrap; }
.name { overflow-wrap: anywhere; min-width: 9rem; }
.place { overflow-wrap: anywhere; min-width: 11.75rem; }
td.place.lead { min-width: 13.5rem; }
td small { display: block; color: var(--soft); font-size: .78rem; line-height: 1.35; }
td small:empty { display: none; }
.id, td.file { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .8125rem; }
.id, .when { color: var(--soft); white-space: nowrap; }
td.file { overflow-wrap: anywhere; color: var(--soft); }
.tag { display: inline-block; padding: .05rem .45rem; border-radius: 5px; font-size: .78rem; white-space: nowrap; }
td bdi { unicode-bidi: isolate; }
.none { margin: 0; padding: .8rem 1.1rem 1rem; color: var(--soft); font-size: .875rem; border-top: 1px solid var(--line); }
footer { margin-top: 1.25rem; color: var(--soft); font-size: .8125rem; }
footer a { color: var(--accent); text-underline-offset: .15em; }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
@media (max-width: 62rem) {
  .tiles { grid-template-columns: 1fr 1fr; }
  .pair { grid-template-columns: 1fr; }
}
@media (max-width: 46rem) {
  .page { padding: 1rem .75rem 2rem; }
  .facts { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0; text-align: left; flex-basis: 100%; }
  .facts span + span::before { content: none; }
  .tiles { gap: .75rem; }
  .tile { padding-top: .75rem; }
  .tile h2, .tile p { padding: 0 .85rem; }
  .figure { font-size: 1.35rem; }
  .chart { height: 2.75rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  tr { display: flex; flex-wrap: wrap; align-items: baseline; gap: .15rem 1rem; padding: .75rem .85rem; border-top: 1px solid var(--line); }
  section > h2, .none { padding-left: .85rem; padding-right: .85rem; }
  td, td:first-child, td:last-child { display: block; padding: 0; border: 0; text-align: left; }
  td[data-label]::before { content: attr(data-label) " "; color: var(--soft); font-size: .75rem; }
  td.place, td.name, td.place.lead { min-width: 0; }
  td:empty { display: none; }
  td.wide, td.lead { flex-basis: 100%; }
  td.lead { font-weight: 550; }
  td small { display: inline; margin-left: .5em; font-weight: 400; }
  .when { white-space: normal; }
}
`;
