/** The tables of the status page. On a phone each row is a card, whose cells have their headings before them. */

import { showHostPort } from "../base/address";
import { type Html, html } from "./html";
import type { Status } from "./status";
import { duration, grouped, octetsInWords, period } from "./words";

/** Days at the end of a certificate in which it is shown as a warning, and as a fault. */
const SOON = 14;
const VERY_SOON = 3;

/** A column: its heading, the class of its cells, and whether a card shows the heading. */
type Column = readonly [heading: string, kind: string, labelled?: boolean];

const SESSIONS: readonly Column[] = [
  ["User", "name lead"],
  ["Client", "place"],
  ["Server", "place"],
  ["State", ""],
  ["Age", "number", true],
  ["Mails", "number", true],
  ["From client", "number", true],
  ["To client", "number", true],
];

export function sessionsSection({ sessions }: Status): Html {
  const { total, shown, states } = sessions;
  const rest = total > shown.length ? [`the oldest ${shown.length} of ${grouped(total)}`] : [];
  const parts = Object.entries(states).filter(([, count]) => count > 0);
  const note = [...rest, ...parts.map(([state, count]) => `${grouped(count)} in ${state}`)].join(", ");
  const rows = shown.map((one) => [
    html`${one.user === "" ? html`<span class="when">not logged in</span>` : isolated(one.user)}<small class="id">${one.id}</small>`,
    html`${isolated(one.client)}<small>${one.tls === "" ? "in clear" : one.tls}</small>`,
    html`${one.server === "" ? "–" : isolated(one.server)}<small>${one.service}</small>`,
    html`${tag(one.state, one.state === "transaction" ? "good" : "plain")} ${one.underWay === "" ? "" : tag(one.underWay, "busy")}`,
    period(one.age),
    grouped(one.retrieved),
    octetsInWords(one.received),
    octetsInWords(one.sent),
  ]);
  return section("Sessions", note, SESSIONS, rows, "No client is connected.");
}

const SERVERS: readonly Column[] = [
  ["Server", "place lead"],
  ["State", ""],
  ["Connections", "number", true],
  ["Connect time, mean", "number", true],
  ["Last", "number", true],
  ["Failures", "number", true],
  ["Last failure", "name wide"],
];

export function serversSection({ servers, time }: Status): Html {
  const rows = servers.map(({ name, connections, connectMean, connectLast, failures, failed, down }) => [
    isolated(name),
    down ? tag("has failed", "bad") : tag("answers", "good"),
    grouped(connections),
    connectMean === null ? "–" : duration(connectMean),
    connectLast === null ? "–" : duration(connectLast),
    grouped(failures),
    failed
      ? html`<span class="when">${ago(failed.time, time)}</span> ${tag(failed.code, "plain")} ${isolated(failed.reason)}`
      : "",
  ]);
  const note = "since the start; state by the last attempt";
  return section("Servers", note, SERVERS, rows, "No server has been connected to.");
}

const REFUSALS: readonly Column[] = [
  ["When", "when wide"],
  ["User", "name lead"],
  ["Client", "place"],
  ["Server", "place"],
  ["Code", ""],
  ["Reason", "name wide"],
];

export function refusalsSection({ refusals, time }: Status): Html {
  const rows = refusals
    .toReversed()
    .map((one) => [
      ago(one.time, time),
      isolated(one.user),
      isolated(one.client),
      isolated(one.server),
      tag(one.code, "plain"),
      isolated(one.reason),
    ]);
  return section("Last refused logins", "", REFUSALS, rows, "No login was refused.");
}

const SERVICES: readonly Column[] = [
  ["Service", "name lead"],
  ["Listens on", "name"],
  ["TLS", "", true],
  ["PROXY header", "", true],
];

export function servicesSection({ services }: Status): Html {
  const rows = services.flatMap(({ name, listeners }) =>
    listeners.map(({ interface: host, port, tls, proxy }) => [
      name === "" ? "pop3" : name,
      showHostPort(host, port),
      tls === "starttls" ? "STLS" : tls === "tls" ? "from the start" : "none",
      proxy ? "expected" : "none",
    ]),
  );
  return section("Services", "", SERVICES, rows, "No listener is open.");
}

const CERTIFICATES: readonly Column[] = [
  ["Name", "name lead"],
  ["Ends", ""],
  ["Date", "when"],
  ["File", "file wide"],
];

export function certificatesSection({ certificates }: Status): Html {
  const rows = certificates.map(({ name, file, until, days }) => [
    isolated(name),
    tag(daysLeft(days), days < VERY_SOON ? "bad" : days < SOON ? "warn" : "good"),
    until.slice(0, 10),
    file,
  ]);
  return section("Certificates", "", CERTIFICATES, rows, "The gateway has none.");
}

function daysLeft(days: number): string {
  if (days < 0) return "has ended";
  return days === 0 ? "today" : days === 1 ? "in 1 day" : `in ${days} days`;
}

type Cell = Html | string | number;

function section(
  title: string,
  note: string,
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  none: string,
): Html {
  const heading = html`<h2>${title}${note === "" ? "" : html` <small>${note}</small>`}</h2>`;
  if (rows.length === 0) return html`<section>${heading}<p class="none">${none}</p></section>`;
  const heads = columns.map(([text, kind]) => html`<th scope="col" class="${kind}">${text}</th>`);
  const cells = (row: readonly Cell[]) =>
    row.map((cell, index) => {
      const [text, kind, labelled] = columns[index] as Column;
      return html`<td class="${kind}"${labelled ? html` data-label="${text}"` : ""}>${cell}</td>`;
    });
  const body = rows.map((row) => html`<tr>${cells(row)}</tr>\n`);
  return html`<section>${heading}<table><thead><tr>${heads}</tr></thead><tbody>
${body}</tbody></table></section>`;
}

/** Text of others, whose direction of writing stays its own. */
function isolated(text: string): Html | string {
  return /^[ -~]*$/.test(text) ? text : html`<bdi>${text}</bdi>`;
}

function tag(text: string, kind: string): Html {
  return html`<span class="tag ${kind}">${text}</span>`;
}

function ago(time: string, now: string): string {
  return `${period((Date.parse(now) - Date.parse(time)) / 1000)} ago`;
}
