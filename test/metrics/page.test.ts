/** The status page: text of others stays text, nothing is loaded, and its size has a bound. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { PAGE_HEADERS, page } from "../../src/metrics/page";
import { statusOf } from "../../src/metrics/status";
import { sessionRow, snapshotWith } from "../stage/metrics";

const EVIL = `<script>alert("1")</script><img src=x onerror='x'>&amp;`;

/** A snapshot with this text wherever somebody else may have written it. */
function written(text: string) {
  return snapshotWith({
    sessions: {
      total: 1,
      limit: 10,
      states: { authorization: 0, login: 0, transaction: 1 },
      shown: [sessionRow({ user: text, client: text, server: text })],
    },
    servers: [
      {
        name: text,
        connections: 1,
        connectMean: 0.1,
        connectLast: 0.1,
        failures: 1,
        failed: { time: 0, code: "unreachable", reason: text },
        down: true,
      },
    ],
    refusals: [{ time: 0, service: "", client: text, user: text, server: text, code: "not-listed", reason: text }],
    certificates: [{ name: text, file: text, until: 0 }],
    services: [{ name: "", listeners: [{ interface: text, port: 110, tls: "none", proxy: false }] }],
  });
}

test("HTML in names stays text", () => {
  const text = page(written(EVIL));
  assert.doesNotMatch(text, /<script|<img|onerror='x/);
  assert.equal(text.split("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;").length - 1, 12);
});

test("octets are shown as UTF-8, and nothing that is invisible or turns the direction of writing", () => {
  const { sessions } = statusOf(written("jos\xc3\xa9 \xe2\x80\xae\x00\x1b[31m\xff"));
  assert.equal(sessions.shown[0]?.user, "josé \u{fffd}\u{fffd}\u{fffd}[31m\u{fffd}");
  const long = statusOf(written("x".repeat(1024))).sessions.shown[0]?.user ?? "";
  assert.ok(long.length < 130 && long.endsWith("…"), long);
});

test("nothing is loaded from elsewhere, there is no script, and the policy permits this stylesheet alone", () => {
  const text = page(written("joe"));
  assert.doesNotMatch(
    text,
    /<(?:script|link|iframe|object|embed|img|form)\b|\bon[a-z]+=|\bstyle=|url\(|@import|https?:/i,
  );
  const [, style = ""] = /<style>(.*)<\/style>/s.exec(text) ?? [];
  const hash = createHash("sha256").update(style).digest("base64");
  const policy = PAGE_HEADERS["Content-Security-Policy"];
  assert.ok(policy.startsWith("default-src 'none'; "), policy);
  assert.ok(policy.includes(`style-src 'sha256-${hash}';`), policy);
  assert.match(text, /<meta http-equiv="refresh" content="\d+">/);
});

test("of thousands of sessions the first are shown, with the count of all", () => {
  const shown = Array.from({ length: 200 }, (_, index) => sessionRow({ id: `a.${index}` }));
  const states = { authorization: 5000, login: 0, transaction: 7345 };
  const text = page(snapshotWith({ sessions: { total: 12_345, limit: 20_000, states, shown } }));
  assert.match(text, /the oldest 200 of 12,345, 5,000 in authorization, 7,345 in transaction/);
  assert.ok(text.length < 200_000, `${text.length}`);
});

test("charts have a point for each sample of the last hour, and none outside of their frame", () => {
  const time = snapshotWith().time;
  const history = Array.from({ length: 140 }, (_, index) => ({
    time: time - (139 - index) * 30_000,
    sessions: index,
    logins: index * 7,
    refused: 0,
    serverFailures: 0,
    received: 0,
    sent: index * 1e6,
  }));
  const text = page(snapshotWith({ history }));
  const lines = [...text.matchAll(/class="line" d="([^"]*)"/g)].map(([, line]) => line as string);
  assert.equal(lines.length, 4);
  for (const line of lines) {
    const points = [...line.matchAll(/[ML](\S+) (\S+?)(?=L|$)/g)].map(([, x, y]) => [Number(x), Number(y)] as const);
    assert.ok(points.length >= 119 && points.length <= 122, `${points.length}`);
    for (const [x, y] of points) assert.ok(x >= 0 && x <= 240 && y >= 0 && y <= 56, line);
  }
});
