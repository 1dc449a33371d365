export * from "./manager/manager.ts";
export { policyPath as projectPolicyPath } from "./policy/layers.ts";
export * from "./registry/client.ts";
export * from "./run.ts";
export { publicGoodRepository, type TufRepository } from "./sigstore/seeds.ts";
export { loadSigstoreRoot, type RootResult, type SigstoreRoot } from "./sigstore/root.ts";
export * from "./evidence/packing.ts";
export * from "./store/evidence-pack.ts";
export * from "./store/evidence-store.ts";
export { verifyProject, type Verification } from "./verify-project.ts";
export { withBunScanner } from "./manager/bun.ts";
export { readManager } from "./manager/read-manager.ts";
export { managedPolicyPath, readPolicySources, type PolicySources } from "./policy/layers.ts";
export { discoverLockfiles, findLockfiles, type Discovery } from "./project/discovery.ts";
export { configurationDirectory, readLockfileBytes, readLockfiles } from "./project/locked-project.ts";
export { normaliseRegistry } from "./registry/address.ts";
export { publicRegistry } from "./sigstore/root.ts";
export { modeOf, policyHome } from "./policy/mode.ts";
export { closureOf, type Closure } from "./closure/closure.ts";
export { changedFiles, takeSnapshot, type Snapshot } from "./closure/snapshot.ts";
export { findTool, withPathEntry, type ToolSearch } from "./tool/find-tool.ts";
export { captureTool, runTool, type Captured, type ToolCommand } from "./tool/run-tool.ts";
export * from "./wrapper/wrapper.ts";
export { installFrozen } from "./wrapper/frozen.ts";
export { changeLock } from "./wrapper/change.ts";
export { runThrowaway } from "./wrapper/throwaway.ts";
export { mayRun, nothingToApprove, waitsForApproval } from "./wrapper/may-run.ts";
export { passUnknown } from "./wrapper/unknown.ts";
export * from "./wrapper/installed-command.ts";
export * from "./wrapper/project-files.ts";
export { settleCache, verifiedCache } from "./wrapper/verified-cache.ts";
export { cacheDirectoryOf, type CachePlace } from "./project/cache-directory.ts";
export { runHook, type HookRequest, type HookResult } from "./hook/run-hook.ts";
export {
  digestsPath,
  hookFolder,
  integrityOf,
  noRecord,
  readRecord,
  writeRecord,
  yarnPluginPath,
  type RecordRead,
  type VendoredRecord,
} from "./hook/vendored.ts";
export { checkInstalled, type Installed } from "./restore/check-installed.ts";
export * from "./restore/item.ts";
export { purgeInstalled } from "./restore/purge.ts";
export { prepareSeals, type Preparation, type PreparedSeal } from "./seal/prepare-seals.ts";
export { sealLockfile, signerOf, type SealedLockfile, type Sealing } from "./seal/seal-lockfile.ts";
export { openSealChecker, type CheckedSeals, type SealChecker } from "./seal/check-seals.ts";
export { changesText, resourcesText } from "./seal/sealed-change.ts";
export {
  mostSeals,
  readSealFiles,
  removeSealFile,
  sealedDigests,
  sealsFolder,
  type SealFile,
} from "./seal/seal-files.ts";
export { subjectPath } from "./seal/repository.ts";
export { loadTrustStore, type Pin, type TrustStore, type TrustStoreOptions } from "./seal/trust-store.ts";
export { readOwnTrust, recallChain, rememberOwn, trustHome, type OwnTrust } from "./seal/own-trust.ts";
export { rootName, trustFolder } from "./seal/root-folder.ts";
export { stateDirectoryOf } from "./project/state-directory.ts";
export { openSigner } from "./signer/open-signer.ts";
export { publicHalfOf, type PublicHalf } from "./signer/public-key.ts";
export { signKeyless } from "./signer/sign-keyless.ts";
export type { KeylessChoice, OpenedSigner, SignerChoice, SignerContext } from "./signer/signer-context.ts";
export { originUrl } from "./project/git.ts";
export { verifySeals, type SealsVerified } from "./seal/verify-seals.ts";
export { isCi } from "./project/ci.ts";
export { writeWhole } from "./project/whole-file.ts";
export { isInside } from "./project/bounded-file.ts";
export { repositoryRoot } from "./project/repository.ts";
