/** The status page in Debian's Chromium: idle, busy, and with a server that is down; on a wide screen and on a phone. */

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { startDemo } from "../stage/demo";
import { connectGreeted, response } from "../stage/dialogue";
import { testOfDraw } from "../stage/draws";
import { ask, startWatched } from "../stage/metrics";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";
import { CHROMIUM, look, startChromium } from "./chromium";
import { lacking } from "./programs";

const test = testOfDraw();

const skip = lacking(CHROMIUM);

/** A name that would do harm if it were HTML. */
const EVIL = `<img src=http://127.0.0.1:1/x onerror=alert(1)><script>alert(2)</script>`;

/** Where pictures go, if somebody wants to look at them. */
const PICTURES = process.env.POP3_TEST_PICTURES;

async function picture(page: Page, name: string): Promise<void> {
  const picture = await page.screenshot({ fullPage: true });
  assert.equal(picture.subarray(1, 4).toString(), "PNG");
  if (PICTURES === undefined) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ fullPage: true, path: join(PICTURES, `${name}.png`) });
}

/** Looks at the page, light and dark, wide and narrow. @returns its text */
async function seen(context: BrowserContext, port: number, name: string): Promise<string> {
  const address = `http://127.0.0.1:${port}/`;
  let text = "";
  for (const { width, dark } of [
    { width: 1280, dark: false },
    { width: 390, dark: true },
  ]) {
    const { page, asked, faults } = await look(context, address, { width, dark });
    text = await page.locator("body").innerText();
    assert.deepEqual(new Set(asked), new Set([address]), "it loads nothing else");
    assert.deepEqual(faults, []);
    const wide = await page.evaluate("document.documentElement.scrollWidth");
    assert.ok(Number(wide) <= width, `${wide} columns on ${width}`);
    assert.equal(await page.locator("script, img, iframe, link").count(), 0);
    const ground = await page.evaluate("getComputedStyle(document.body).backgroundColor");
    const [red = 0] = /\d+/.exec(String(ground))?.map(Number) ?? [];
    assert.equal(red < 128, dark, `${ground}`);
    await picture(page, `${name}-${width}`);
    await page.close();
  }
  return text;
}

/** Waits until the page has this text: a page may be a second old. */
async function telling(port: number, text: string): Promise<void> {
  await until(async () => (await ask(port, "/")).body.includes(text));
}

test("idle, busy, and with a server that is down", { skip }, async (t: TestContext) => {
  const context = await startChromium(t);
  const demo = await startDemo(t, { passwords: ["demo"] });
  const server = `127.0.0.1:${demo.port}`;
  const { gateway, metrics } = await startWatched(t, ["--exempt", "127.0.0.1", server]);
  const idle = await seen(context, metrics, "idle");
  assert.match(idle, /accepts clients/);
  assert.match(idle, /No client is connected\./);

  const client = await connectGreeted(gateway.port, t);
  await client.ask(`USER ${EVIL}`);
  assert.match(await client.ask("PASS demo"), /^\+OK/);
  await response(client, "RETR 1");
  const refused = await connectGreeted(gateway.port, t);
  await refused.ask(`USER ${EVIL}`);
  assert.match(await refused.ask("PASS wrong"), /^-ERR/);
  await telling(metrics, "server-denied");
  const busy = await seen(context, metrics, "busy");
  assert.equal(busy.split(EVIL).length - 1, 2, "the name stays text, of the session and of the refusal");
  assert.match(busy, /1 in transaction/);
  assert.match(busy, /answers/);

  const down = await startWatched(t, ["--server-timeout", "1", `127.0.0.1:${await freePort()}`]);
  const lost = await connectGreeted(down.gateway.port, t);
  await lost.ask("USER joe");
  assert.match(await lost.ask("PASS demo"), /^-ERR \[SYS\/TEMP\]/);
  await telling(down.metrics, "has failed");
  const fallen = await seen(context, down.metrics, "down");
  assert.match(fallen, /has failed/);
  assert.match(fallen, /connection refused, nothing listens there/);
});
