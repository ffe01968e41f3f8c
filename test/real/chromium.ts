/** Debian's Chromium, driven by playwright-core, with all that it would say to others switched off. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { atEnd } from "../stage/ending";
import { scratch } from "./scratch";

export const CHROMIUM = "/usr/bin/chromium";

/** How long a busy machine may take for one step, in milliseconds; half a minute would be playwright's own limit. */
const TIMEOUT = 300_000;

const ARGV = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A page that is looked at. */
export interface Looking {
  readonly page: Page;
  /** The addresses of all that the page has asked for. */
  readonly asked: readonly string[];
  /** What the browser has found wrong, such as what the page's policy does not permit. */
  readonly faults: readonly string[];
}

/** Starts it with a new profile; gone with its test. */
export async function startChromium(t: TestContext): Promise<BrowserContext> {
  const profile = join(scratch(t), "profile");
  mkdirSync(profile);
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    args: ARGV,
    timeout: TIMEOUT,
  });
  context.setDefaultTimeout(TIMEOUT);
  atEnd(t, () => context.close());
  return context;
}

/** Opens an address in a page of its own. */
export async function look(
  context: BrowserContext,
  address: string,
  { width = 1280, dark = false }: { width?: number; dark?: boolean } = {},
): Promise<Looking> {
  const page = await context.newPage();
  const asked: string[] = [];
  const faults: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("console", (message) => faults.push(message.text()));
  page.on("pageerror", (fault) => faults.push(fault.message));
  page.on("dialog", (dialog) => {
    faults.push(dialog.message());
    void dialog.dismiss();
  });
  await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
  await page.setViewportSize({ width, height: 900 });
  await page.goto(address);
  return { page, asked, faults };
}
