/** An authorization server for dovecot, on 127.0.0.1: it knows one token, which is joe's. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { atEnd } from "../stage/ending";
import { put, scratch } from "./scratch";
import { user } from "./server";

/** The token, with every character that one may have. */
export const token = "ya29.a0-_~+/AZ09==";

/** How dovecot asks for a token: with GET, as Google has it; or with POST, as RFC 7662 says. */
export type Asking = "tokeninfo" | "introspection";

export interface Tokens {
  /** Settings of dovecot that make it take tokens. @param mechanisms what its list has; default: PLAIN as well */
  settings(mechanisms?: string): string;
  /** The tokens that it was asked for. */
  readonly asked: readonly string[];
}

/** Starts it. */
export async function startTokens(t: TestContext, asking: Asking): Promise<Tokens> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (octets) => (body += octets));
    request.on("end", () => {
      const { pathname, searchParams } = new URL(`${request.url}`, "http://127.0.0.1");
      const given = (pathname === "/tokeninfo" ? searchParams : new URLSearchParams(body)).get("token") ?? "";
      asked.push(given);
      const known = given === token;
      const said = pathname === "/tokeninfo" && !known ? { error: "invalid_token" } : { active: known, username: user };
      response.writeHead(known || pathname !== "/tokeninfo" ? 200 : 400, { "Content-Type": "application/json" });
      response.end(JSON.stringify(said));
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const home = scratch(t);
  atEnd(t, async () => {
    server.closeAllConnections();
    server.close();
  });
  const place = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const how =
    asking === "tokeninfo"
      ? `tokeninfo_url = ${place}/tokeninfo?token=`
      : `introspection_mode = post
introspection_url = ${place}/introspect
force_introspection = yes
active_attribute = active
active_value = true`;
  const file = join(home, "oauth2");
  put(file, `${how}\nusername_attribute = username\n`);
  return {
    asked,
    settings: (mechanisms = "oauthbearer xoauth2 plain") => `
auth_mechanisms = ${mechanisms}
passdb {
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = ${file}
}
`,
  };
}
