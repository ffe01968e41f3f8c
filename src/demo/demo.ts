/**
 * --demo: a POP3 server with the sample maildrop, on a free loopback port, and a text that says how to try it.
 */

import type { HostPort } from "../base/address";
import { createDemoServer } from "./server";

/** A running sample server. */
interface Demo {
  /** Where the sample server listens: the gateway's default server. */
  readonly server: HostPort;
  /** The commands that try it, for standard output. @param port the gateway's port */
  howTo(port: number): string;
  /** Ends the server and its sessions. */
  close(): Promise<void>;
}

/** Starts the sample server. @throws the system's error if no loopback port can be opened */
export async function startDemo(): Promise<Demo> {
  const server = createDemoServer();
  const port = await server.listen();
  return { server: { host: "127.0.0.1", port }, howTo, close: () => server.close() };
}

function howTo(port: number): string {
  return `
The gateway listens on port ${port}; its server has a sample maildrop for every user name. The password is demo.
Try it from another terminal:

    curl --user me:demo pop3://127.0.0.1:${port}/       the list of mails
    curl --user me:demo pop3://127.0.0.1:${port}/1      the first mail

or type the commands, in nc 127.0.0.1 ${port} or telnet 127.0.0.1 ${port}:

    USER me
    PASS demo
    STAT
    TOP 1 5
    QUIT

Ctrl-C ends it.

`;
}
