/**
 * The status page, made of the same data as /status.json: plain HTML without a script, with one stylesheet in it, that
 * loads nothing and refreshes itself.
 */

import { createHash } from "node:crypto";
import { chart, levels, most, rates } from "./charts";
import { Html, html } from "./html";
import type { Snapshot } from "./snapshot";
import { type Status, statusOf } from "./status";
import { STYLE } from "./style";
import { certificatesSection, refusalsSection, serversSection, servicesSection, sessionsSection } from "./tables";
import { octetsInWords, period, short } from "./words";

/** How often the page loads itself anew, in seconds. */
const REFRESH = 10;

const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/** The policy: the stylesheet of this page, and nothing else. */
export const PAGE_HEADERS = {
  "Content-Security-Policy": `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "Referrer-Policy": "no-referrer",
} as const;

/** The page of a snapshot. */
export function page(snapshot: Snapshot): string {
  const status = statusOf(snapshot);
  const { total } = status.sessions;
  const document = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${REFRESH}">
<meta name="robots" content="noindex">
<title>${counted(total, "session")} · pop3.proxy</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<div class="page">
${head(status)}
<main>
${tiles(snapshot)}
${sessionsSection(status)}
${serversSection(status)}
${refusalsSection(status)}
<div class="pair">
${servicesSection(status)}
${certificatesSection(status)}
</div>
</main>
<footer>The same as data: <a href="status.json">status.json</a>, for Prometheus: <a href="metrics">metrics</a>, for a load
balancer: <a href="health">health</a>. This page refreshes itself every ${REFRESH} seconds.</footer>
</div>
</body>
</html>
`;
  return document.text;
}

function head({ accepting, version, node, uptime, time }: Status): Html {
  const pill = accepting
    ? html`<span class="pill good">accepts clients</span>`
    : html`<span class="pill warn">accepts no clients</span>`;
  const clock = time.replace("T", " ").replace(/\.\d+Z$/, " UTC");
  return html`<header>
<h1>pop3.proxy</h1>
${pill}
<p class="facts"><span>version ${version}, Node ${node}</span><span>up ${period(uptime)}</span><span><time datetime="${time}">${clock}</time></span></p>
</header>`;
}

/** The figures of the moment over the charts of the last hour. */
function tiles({ time, sessions, history }: Snapshot): Html {
  const count = levels(history, (one) => one.sessions);
  const logins = rates(history, (one) => one.logins, 60);
  const refused = rates(history, (one) => one.refused, 60);
  const data = rates(history, (one) => one.sent, 1);
  const last = (points: readonly { value: number }[]) => points.at(-1)?.value ?? 0;
  const span = period((time - (history[0]?.time ?? time)) / 1000);
  const highest = (value: string) => (history.length > 1 ? `most ${value} within ${span}` : "measured every 30 s");
  const now = [...count, { time, value: sessions.total }];
  return html`<div class="tiles">
${tile("Sessions", short(sessions.total), `of ${short(sessions.limit)}`, highest(short(most(now))), chart(now, time, "sessions in the last hour", "sessions", 4))}
${tile("Logins", short(last(logins)), "a minute", highest(short(most(logins))), chart(logins, time, "logins in the last hour", "logins", 4))}
${tile("Refused logins", short(last(refused)), "a minute", highest(short(most(refused))), chart(refused, time, "refused logins in the last hour", "refused", 4))}
${tile("Data to clients", octetsInWords(last(data)), "a second", highest(octetsInWords(most(data))), chart(data, time, "octets to clients in the last hour", "data", 1000))}
</div>`;
}

function tile(title: string, figure: string, unit: string, note: string, drawn: Html): Html {
  return html`<div class="tile"><h2>${title}</h2><p class="figure">${figure} <small>${unit}</small></p><p class="note">${note}</p>${drawn}</div>`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
