/** What was said through a gateway in debug mode, by its log. */

import type { GatewayProcess } from "../stage/process";
import { until } from "../stage/waiting";

/** The verbs of the clients' commands, or of those that servers got; "***" is a response to AUTH. */
export function verbs(gateway: GatewayProcess, to: "client<" | "server>" = "client<"): string {
  const lines = gateway.said().matchAll(/^\S+ debug (\S+) \S+ line="?([\w*]+)/gm);
  return [...lines].flatMap(([, leg, verb]) => (leg === to ? [verb] : [])).join(" ");
}

/** Waits until the verbs match: the lines of the log leave together, some milliseconds after the dialogue. */
export async function spoken(gateway: GatewayProcess, pattern: RegExp, to?: "client<" | "server>"): Promise<void> {
  await until(
    () => pattern.test(verbs(gateway, to)),
    () => `${verbs(gateway, to)} does not match ${pattern}`,
  );
}
