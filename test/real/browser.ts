/** A person who logs in at a provider with a browser, as plain HTTP. */

import assert from "node:assert/strict";

/** A person at a browser. */
export interface Person {
  readonly login: string;
  /** Whether the browser is not to open an address. */
  readonly ends?: (address: URL) => boolean;
  /** Whether the person lets the gateway have what it asks for. */
  readonly agrees?: boolean;
}

/** How many pages a browser visits. */
const PAGES = 20;

/**
 * A person who logs in with a browser: follows redirects, and sends each form with what is filled in.
 *
 * @param address where to begin
 * @returns the address that `ends` has named; or the text of a page without a form
 */
export async function browse(address: string, { login, ends = () => false, agrees = true }: Person): Promise<string> {
  const cookies = new Map<string, string>();
  let to = new URL(address);
  let form: URLSearchParams | undefined;
  let cancelled = false;
  for (let page = 0; page < PAGES; page++) {
    if (ends(to)) return to.href;
    const headers = { cookie: [...cookies].map((pair) => pair.join("=")).join("; ") };
    const answer = await fetch(to, { headers, redirect: "manual", ...(form && { method: "POST", body: form }) });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    const text = await answer.text();
    const location = answer.headers.get("location");
    form = undefined;
    if (location !== null) {
      to = new URL(location, to);
      continue;
    }
    assert.ok(answer.ok, text);
    const [, cancel] = /href="([^"]+\/abort)"/.exec(text) ?? [];
    if (cancelled) return text;
    if (cancel !== undefined && !agrees) {
      cancelled = true;
      to = new URL(cancel, to);
      continue;
    }
    const [, action, inside = ""] = /<form[^>]* action="([^"]+)"[^>]*>(.*?)<\/form>/s.exec(text) ?? [];
    if (action === undefined) return text;
    form = new URLSearchParams();
    for (const [tag] of inside.matchAll(/<input[^>]*>/gs)) {
      const of = (attribute: string) => new RegExp(`\\b${attribute}="([^"]*)"`).exec(tag)?.[1];
      const name = of("name");
      if (name !== undefined) form.set(name, of("value") ?? (name === "login" ? login : "x"));
    }
    to = new URL(action.replaceAll("&amp;", "&"), to);
  }
  return assert.fail(`a browser that gets nowhere: ${to}`);
}
