import { describe, expect, it } from "vitest";
import { MintedLog, mintRoot } from "../../test/minted-bundle.ts";
import { rootDocument } from "../../test/trust.ts";
import { hasVectors } from "../../test/vectors.ts";
import { readSigstoreRoot } from "./sigstore-root.ts";

// oxlint-disable-next-line typescript/no-explicit-any
type Json = any;
const broken = (edit: (root: Json) => void): unknown => {
  const root: Json = structuredClone(rootDocument("production"));
  edit(root);
  return readSigstoreRoot([root]);
};

describe.skipIf(!hasVectors)("a sigstore root", () => {
  it("is read whole; several are united", () => {
    const [production, both] = [
      readSigstoreRoot([rootDocument("production")]),
      readSigstoreRoot([rootDocument("production"), rootDocument("staging")]),
    ];
    expect(production.state).toBe("available");
    if (production.state !== "available" || both.state !== "available") return;
    expect(production.value).toMatchObject({
      logs: { length: 2 },
      ctLogs: { length: 2 },
      certificateAuthorities: { length: 2 },
      timestampAuthorities: { length: 1 },
    });
    expect(both.value.logs.length).toBeGreaterThan(2);
    expect(both.value.digest).not.toBe(production.value.digest);
  });

  it.each(["tlogs", "ctlogs"])("needs a start of validity for each of its %s", (logs) => {
    const expected = {
      state: "unavailable",
      code: "bundle/root-invalid",
      detail: `${logs}[0] has no validFor.start`,
    };
    expect(broken((root) => delete root[logs][0].publicKey.validFor)).toEqual(expected);
    expect(broken((root) => delete root[logs][0].publicKey.validFor.start)).toEqual(expected);
    expect(broken((root) => (root[logs][0].publicKey.validFor.start = "yesterday"))).toEqual(expected);
  });

  it.each(["certificateAuthorities", "timestampAuthorities"])(
    "needs a start of validity for each of its %s",
    (authorities) => {
      const expected = {
        state: "unavailable",
        code: "bundle/root-invalid",
        detail: `${authorities}[0] has no validFor.start`,
      };
      expect(broken((root) => delete root[authorities][0].validFor)).toEqual(expected);
      expect(broken((root) => delete root[authorities][0].validFor.start)).toEqual(expected);
    },
  );

  it.each<[string, (root: Json) => void]>([
    ["an end that is no date-time", (root) => (root.tlogs[0].publicKey.validFor.end = "never")],
    ["a key that is none", (root) => (root.tlogs[0].publicKey.rawBytes = "AAAA")],
    ["a key in loose base64", (root) => (root.tlogs[0].publicKey.rawBytes += "\n")],
    ["a log without an id", (root) => delete root.tlogs[0].logId],
    ["a log without an address", (root) => delete root.tlogs[0].baseUrl],
    [
      "an authority without certificates",
      (root) => (root.certificateAuthorities[0].certChain.certificates = []),
    ],
    [
      "a certificate that is none",
      (root) => (root.certificateAuthorities[0].certChain.certificates[0].rawBytes = "AAAA"),
    ],
    ["a list that is none", (root) => (root.tlogs = {})],
    ["an entry that is none", (root) => (root.ctlogs[0] = null)],
  ])("is unusable with %s", (_what, edit) =>
    expect(broken(edit)).toMatchObject({ state: "unavailable", code: "bundle/root-invalid" }),
  );
});

describe("what is no sigstore root", () => {
  it.each([null, 1, "x", [], {}, { mediaType: "application/json" }])("%j", (document) => {
    expect(readSigstoreRoot([document])).toMatchObject({ state: "unavailable", code: "root/malformed" });
    expect(readSigstoreRoot([mintRoot(new MintedLog("one")), document])).toMatchObject({
      state: "unavailable",
    });
  });

  it("none at all", () =>
    expect(readSigstoreRoot([])).toMatchObject({ state: "unavailable", code: "root/unavailable" }));
});
