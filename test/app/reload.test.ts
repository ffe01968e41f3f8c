/** What becomes of a SIGHUP before the gateway serves, and after it has begun to end. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Reload } from "../../src/app/reload";
import type { Gateway } from "../../src/gateway/gateway";
import { Listener } from "../../src/listen/listener";
import { Notify } from "../../src/process/notify";
import { settingsFor } from "../stage/settings";

test("a reload waits until the gateway serves; one that ends reads nothing any more", async () => {
  const settings = settingsFor({ server: { host: "mail", port: null } });
  const gateway = { service: settings.services[0], memory: {}, warnings: [] } as unknown as Gateway;
  const listener = new Listener([gateway], 0);
  const log: string[] = [];
  const reread = () => {
    log.push("read");
    return settings;
  };
  const reload = new Reload(
    { settings, reread },
    {
      make: async () => [gateway],
      acceptor: { replace: async () => void log.push("replaced") },
      listener,
      watching: null,
      notify: new Notify({}, () => assert.fail()),
      emit: (name) => void log.push(name),
    },
  );
  const first = reload.run();
  await new Promise(setImmediate);
  assert.deepEqual(log, []);
  reload.begin();
  await first;
  assert.deepEqual(log.splice(0), ["read", "replaced", "reload"]);
  await listener.close();
  await reload.run();
  assert.deepEqual(log, []);
});
