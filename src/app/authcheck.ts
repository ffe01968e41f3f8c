/** The part of --check that looks at access control: whether a program can be run, or an HTTP service answers. */

import { delimiter, join } from "node:path";
import { whyNotRun } from "../base/programfile";
import { showUrl } from "../config/authhttp";
import type { AuthHttpUrl, Service } from "../config/settings";
import type { Gateway } from "../gateway/gateway";

/** @param gateway null: its files have failed the check before @throws Error in one line */
export async function checkAccess({ access }: Service, gateway: Gateway | null): Promise<string[]> {
  if (access.authHttp) return gateway ? answering(access.authHttp, gateway) : [];
  if (!access.acp) return [];
  const [program = ""] = access.acp.argv;
  const why = program.includes("/") ? whyNotRun(program) : whyNotFound(program);
  if (why !== null) throw new Error(`${program} can't be run: ${why}`);
  return [`access control by ${access.acp.argv.join(" ")}`];
}

/**
 * Whatever the service answers to a request without a login, it is there, and speaks HTTP. A status other than 2xx is
 * likely that of a wrong path: nginx's protocol has its verdicts, also the bad ones, in the header of a 200.
 */
async function answering(url: AuthHttpUrl, gateway: Gateway): Promise<string[]> {
  const answer = await gateway.probe();
  if (answer?.kind !== "answer") throw new Error(`${showUrl(url)}: ${answer?.why}`);
  const { status } = answer;
  const found = `access control by ${showUrl(url)}, which answers ${status} to a request without a login`;
  if (status >= 200 && status < 300) return [found];
  return [found, `warning: a login that ${showUrl(url)} answers with ${status} is not decided: is the path right?`];
}

/** Why no folder of PATH has a program; null: one has it. */
function whyNotFound(program: string): string | null {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.some((folder) => whyNotRun(join(folder, program)) === null) ? null : "no folder of PATH has it";
}
