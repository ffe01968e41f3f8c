/** The part of --check that concerns --metrics. */

import { metricsAddress } from "../config/places";
import type { Settings } from "../config/settings";
import { triedListener } from "./servicecheck";
import { tokenOf } from "./watching";

/** Where metrics are served, in words. */
export function metricsLines({ process: { metrics } }: Settings): string[] {
  if (!metrics) return [];
  const { tokenFile } = metrics;
  const token = tokenFile === undefined ? "" : `; who has the token of ${tokenFile} may end sessions`;
  return [`metrics and status page on http://${metricsAddress.show(metrics)}/${token}`];
}

/** Tries to listen on the interface, and reads the token. @throws Error in one line */
export async function checkMetrics({ process: { metrics } }: Settings): Promise<string[]> {
  if (!metrics) return [];
  await triedListener(metrics.host);
  tokenOf(metrics);
  return [];
}
