/** The part of --check that looks at access control: whether a program can be run, or an HTTP service answers. */

import { delimiter, join } from "node:path";
import { bracketed } from "../base/address";
import { showUrl } from "../config/authhttp";
import type { AuthHttpSettings, Service } from "../config/settings";
import { isProgram } from "../config/values";
import type { Gateway } from "../gateway/gateway";

/** @param gateway null: its files have failed the check before @throws Error in one line */
export async function checkAccess({ access }: Service, gateway: Gateway | null): Promise<string[]> {
  if (access.authHttp) return gateway ? [await answering(access.authHttp, gateway)] : [];
  if (!access.acp) return [];
  const [program = ""] = access.acp.argv;
  const folders = program.includes("/") ? [""] : (process.env.PATH ?? "").split(delimiter);
  if (!folders.some((folder) => isProgram(join(folder, program)))) throw new Error(`${program} can't be run`);
  return [`access control by ${access.acp.argv.join(" ")}`];
}

/** Sends a request without a login: whatever the service answers to that, it is there, and speaks HTTP. */
async function answering(settings: AuthHttpSettings, { memory }: Gateway): Promise<string> {
  const headers = ["Host", bracketed(settings.host), ...settings.headers.flatMap(({ name, value }) => [name, value])];
  const never = new AbortController().signal;
  const answer = await memory.requests.ask({ to: settings, headers, timeout: settings.timeout }, never);
  if (answer.kind === "none") throw new Error(`${showUrl(settings)}: ${answer.why}`);
  return `access control by ${showUrl(settings)}, which answers ${answer.status} to a request without a login`;
}
