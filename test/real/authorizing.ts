/** `--authorize` as a program runs it, by lines of standard input, and the file of --oauth. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { launch, MAIN } from "../stage/process";
import { until } from "../stage/waiting";
import { browse, type Person } from "./browser";
import { CONFIDENTIAL, type Oidc, PUBLIC, SCOPE } from "./oidc";
import { scratch } from "./scratch";
import { user } from "./server";

/** What mail programs log in with. */
export const gatewayPassword = "canary-gateway-password-3Xw";

export interface Wanted {
  /** host[:port][/tls|/starttls] */
  readonly server: string;
  readonly flow: "code" | "device" | "client-credentials";
  /** Whether the endpoints are given instead of the issuer. */
  readonly explicit?: boolean;
  /** Whether the gateway has a secret; client credentials need it. */
  readonly secret?: boolean;
  readonly mechanism?: "xoauth2" | "oauthbearer";
}

/** A file of --oauth with one provider, and the store that it names. */
export interface Accounts {
  readonly oidc: Oidc;
  readonly flow: Wanted["flow"];
  readonly file: string;
  readonly store: string;
}

/** Writes the file. Whoever runs the tests owns it. */
export function accountsAt(t: TestContext, oidc: Oidc, wanted: Wanted): Accounts {
  const { server, flow, explicit = false, mechanism, secret = flow === "client-credentials" } = wanted;
  const home = scratch(t);
  const [file, store] = [join(home, "oauth.toml"), join(home, "store")];
  const at = (path: string) => `${oidc.issuer}${path}`;
  const more = { code: ["authorization-endpoint", "/auth"], device: ["device-endpoint", "/device/auth"] };
  const [key, path] = flow === "client-credentials" ? [] : more[flow];
  const keys = {
    name: "example",
    accounts: user,
    server,
    flow,
    "client-id": secret ? CONFIDENTIAL.id : PUBLIC.id,
    ...(secret && { "client-secret": CONFIDENTIAL.secret }),
    scope: flow === "client-credentials" ? "mail" : SCOPE,
    ...(mechanism && { mechanism }),
    ...(explicit ? { "token-endpoint": at("/token"), ...(key && { [key]: at(`${path}`) }) } : { issuer: oidc.issuer }),
  };
  const lines = Object.entries(keys).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  writeFileSync(file, [`store = ${JSON.stringify(store)}`, "", "[[provider]]", ...lines, ""].join("\n"), {
    mode: 0o600,
  });
  return { oidc, flow, file, store };
}

/** The address that a person is to open, and the code that is to be given there. */
export function toOpen(said: string): { address: string; code?: string } | null {
  const [, page, code] = /Open (\S+) in any browser, give the code (\S+),/.exec(said) ?? [];
  if (page !== undefined && code !== undefined) return { address: page, code };
  const [, address] = /log in as \S+:\n\n {2}(\S+)\n/.exec(said.replaceAll("\r", "")) ?? [];
  return address === undefined ? null : { address };
}

/** Does in a browser what the gateway says. @returns the text of the last page, or the address of `ends` */
export async function followed(said: string, person: Partial<Person> = {}): Promise<string> {
  const { address, code } = toOpen(said) ?? assert.fail(said);
  const filled = code === undefined ? address : `${address}?user_code=${encodeURIComponent(code)}`;
  return browse(filled, { login: user, ...person });
}

/** How `--authorize` has ended, and all that it has said. */
export interface Authorized {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
  readonly pid: number;
}

/**
 * Runs it, and logs in at the provider.
 *
 * @param lines of its standard input
 */
export async function authorize(
  t: TestContext,
  { file, flow }: Pick<Accounts, "file" | "flow">,
  lines: readonly string[] = [gatewayPassword, gatewayPassword],
  { options = [], agrees = true }: { options?: readonly string[]; agrees?: boolean } = {},
): Promise<Authorized> {
  const argv = [MAIN, "--oauth", file, ...options, "--authorize", user];
  const { child, said, ended } = launch(t, process.execPath, argv, { stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "";
  child.stdout?.on("data", (chunk) => (stdout += chunk));
  child.stdin?.on("error", () => {});
  if (flow !== "client-credentials") {
    const shown = () => toOpen(stdout) !== null || child.exitCode !== null;
    await until(shown, () => `${stdout}${said()}`);
    if (child.exitCode === null) await followed(stdout, { agrees });
  }
  child.stdin?.end(lines.map((line) => `${line}\n`).join(""));
  return { status: await ended(), stdout, stderr: said(), pid: child.pid as number };
}

/** As `authorize`, when it must succeed. */
export async function authorized(t: TestContext, accounts: Accounts): Promise<Authorized> {
  const outcome = await authorize(t, accounts);
  assert.equal(outcome.status, 0, `${outcome.stdout}${outcome.stderr}`);
  return outcome;
}
