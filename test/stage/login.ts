/** A login that both ends play: the client through a gateway, the server behind it. */

import { type Accepting, Peer } from "./peer";

/** Takes a login at the server's end. */
export async function welcome(server: Peer): Promise<void> {
  await server.say("+OK");
  for (let i = 0; i < 2; i++) {
    await server.line();
    await server.say("+OK");
  }
}

/** A client that has logged in, and its server. */
export async function connectLoggedIn(port: number, accepting: Accepting): Promise<[client: Peer, server: Peer]> {
  const client = await Peer.connect(port);
  await client.line();
  await client.ask("USER joe");
  await client.say("PASS p");
  const server = await accepting.next();
  await welcome(server);
  await client.line();
  return [client, server];
}
