/** The part of --check that looks at access control: whether a program can be run, or an HTTP service answers. */

import { delimiter, join } from "node:path";
import { showUrl } from "../config/authhttp";
import type { AuthHttpUrl, Service } from "../config/settings";
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

/** Whatever the service answers to a request without a login, it is there, and speaks HTTP. */
async function answering(url: AuthHttpUrl, gateway: Gateway): Promise<string> {
  const answer = await gateway.probe();
  if (answer?.kind !== "answer") throw new Error(`${showUrl(url)}: ${answer?.why}`);
  return `access control by ${showUrl(url)}, which answers ${answer.status} to a request without a login`;
}
