/** What was said through a gateway in debug mode, by its log. */

import type { GatewayProcess } from "../stage/process";

/** The verbs of the clients' commands, or of those that servers got; "***" is a response to AUTH. */
export function verbs(gateway: GatewayProcess, to: "client<" | "server>" = "client<"): string {
  const lines = gateway.said().matchAll(/^\S+ debug (\S+) \S+ line="?([\w*]+)/gm);
  return [...lines].flatMap(([, leg, verb]) => (leg === to ? [verb] : [])).join(" ");
}
