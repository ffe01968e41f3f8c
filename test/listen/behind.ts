/** A gateway behind a load balancer, and its clients. */

import type { TestContext } from "node:test";
import { parseCidr } from "../../src/base/cidr";
import type { TlsMode } from "../../src/config/settings";
import { writeProxyHeader } from "../../src/protocol/proxyheader";
import { startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import { CERT_FILE, KEY_FILE } from "../stage/localhost";
import { Peer } from "../stage/peer";

/** What a client hears first. */
export const GREETING = "+OK POP3 server ready\r\n";

/** The senders of headers in these tests. */
const NEAR = [parseCidr("127.0.0.0/8")].flatMap((block) => block ?? []);

interface Wanted extends Wishes {
  readonly mode?: TlsMode;
  readonly within?: number;
}

/** A gateway that expects headers. */
export function behind(t: TestContext, server: number, { mode = "none", within = 5000, ...wishes }: Wanted = {}) {
  return startGateway(
    server,
    {
      listen: [{ host: "127.0.0.1", port: 0, tls: mode, proxy: true }],
      proxyFrom: NEAR,
      ...(mode !== "none" && { tlsCerts: [CERT_FILE], tlsKeys: [KEY_FILE], serverTls: "none" as const }),
      ...wishes,
      limits: { ...wishes.limits, proxyHeader: within },
    },
    { t },
  );
}

/** A header for a client at this address. */
export const headerOf = (address: string, port = 4321, to = "192.0.2.8") =>
  writeProxyHeader(1, { from: { address, port }, to: { address: to, port: 110 }, tls: null });

/** A client behind a header, greeted. */
export async function greeted(gateway: TestGateway, header: Buffer, t: TestContext): Promise<Peer> {
  const client = await Peer.connect(gateway.port, t);
  await client.write(header);
  await client.expect(GREETING);
  return client;
}
