/**
 * --demo: the sample maildrop behind a POP3 server of our own on a free loopback port, and how to look at it.
 */

import type { HostPort } from "../base/address";
import { createDemoServer } from "./server";

export interface Demo {
  /** Where it listens: the gateway's default server. */
  readonly server: HostPort;
  /** What to type, for somebody who has just started it. @param port the gateway's */
  howTo(port: number): string;
  close(): Promise<void>;
}

/** Starts the server. @throws the system's error if there is no loopback port */
export async function startDemo(): Promise<Demo> {
  const server = createDemoServer();
  const port = await server.listen();
  return { server: { host: "127.0.0.1", port }, howTo, close: () => server.close() };
}

function howTo(port: number): string {
  return `
The gateway listens on port ${port}, in front of a sample maildrop. Any user name will do, the password is demo.
Try it from another terminal:

    curl --user me:demo pop3://127.0.0.1:${port}/       the list of mails
    curl --user me:demo pop3://127.0.0.1:${port}/1      the first mail

or talk to it yourself, with nc 127.0.0.1 ${port} or telnet 127.0.0.1 ${port}:

    USER me
    PASS demo
    STAT
    TOP 1 5
    QUIT

Ctrl-C ends it.

`;
}
