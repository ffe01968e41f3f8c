/** A gateway with TLS for clients, in front of a sample server of its own. */

import type { TestContext } from "node:test";
import type { DemoOptions } from "../../src/demo/server";
import { certified, withCertificates } from "../stage/certificates";
import { startDemo } from "../stage/demo";
import type { TestGateway } from "../stage/gateway";
import { startInside } from "../stage/inside";
import type { Listener } from "../stage/process";

/** Starts both inside the test's process, with a good certificate unless the options name one. */
export async function startBeforeDemo(
  t: TestContext,
  listeners: readonly Listener[],
  options: readonly string[] = [],
  demo?: DemoOptions,
): Promise<TestGateway> {
  const { port } = await startDemo(t, demo);
  const own = options.includes("--tls-cert") ? [] : withCertificates(certified("good"));
  return startInside(t, [...own, ...options, `127.0.0.1:${port}`], listeners);
}
