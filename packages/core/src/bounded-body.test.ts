import { Readable } from "node:stream";
import { assert, array, asyncProperty, nat, uint8Array } from "fast-check";
import { expect, it } from "vitest";
import { boundedBody } from "./bounded-body.ts";

const tooLarge = (): Error => new Error("too large");

it("gives back every byte of what is small enough, and nothing of the rest", async () => {
  await assert(
    asyncProperty(array(uint8Array({ maxLength: 20 })), nat(200), async (chunks, most) => {
      const whole = Buffer.concat(chunks);
      const read = boundedBody(Readable.from(chunks), most, tooLarge);
      if (whole.length > most) await expect(read).rejects.toThrow("too large");
      else expect(await read).toEqual(whole);
    }),
  );
});

it("ends a body that does not end by itself", async () => {
  const endless = new Readable({
    read() {
      this.push(Buffer.alloc(64));
    },
  });
  await expect(boundedBody(endless, 1000, tooLarge)).rejects.toThrow("too large");
  expect(endless.destroyed).toBe(true);
});
