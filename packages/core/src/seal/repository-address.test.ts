import { expect, it } from "vitest";
import { repositoryAddress } from "./repository-address.ts";

it.each([
  ["https://forge.example/acme/app.git", "https://forge.example/acme/app"],
  ["https://user:secret@Forge.example/acme/app/", "https://forge.example/acme/app"],
  ["git+https://forge.example:8443/acme/app", "https://forge.example:8443/acme/app"],
  ["git@forge.example:acme/app.git", "https://forge.example/acme/app"],
  ["ssh://git@forge.example:2222/acme/app.git", "https://forge.example/acme/app"],
  ["git://forge.example/acme/app", "https://forge.example/acme/app"],
  ["forge.example:acme/app", "https://forge.example/acme/app"],
  ["https://forge.example/Acme/App", "https://forge.example/Acme/App"],
])("one repository has one address: %s", (remote, address) => {
  expect(repositoryAddress(remote)).toBe(address);
});

it.each([
  "",
  "/srv/git/app.git",
  "../app",
  "file:///srv/app",
  "C:\\app",
  "C:/app",
  "https://",
  "https://forge.example",
  "a b:c",
  `https://forge.example/${"a".repeat(4000)}`,
])("%s is no address", (remote) => {
  expect(repositoryAddress(remote)).toBeNull();
});
