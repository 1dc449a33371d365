import { executable, type Scene } from "./scene.ts";

/** Installs the manager's hook as a person does. @throws where `countersign init` does not succeed */
export async function installHook(scene: Scene): Promise<void> {
  const { exitCode, output } = await scene.run([process.execPath, executable, "init", "--yes"], 60_000);
  if (exitCode !== 0) throw new Error(`countersign init ended with ${exitCode}:\n${output}`);
}
