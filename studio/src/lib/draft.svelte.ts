/** What somebody is about to ask for, and what becomes of it as a request. */

import type { Value } from "./api";
import { nearestSeconds, parseSize } from "./shape";
import type { Abilities, Video } from "./types";

/** All but the picture, which does not outlive the tab. */
export interface Wishes {
  prompt: string;
  negative: string;
  /** As `128x128`; empty for the model's own. */
  size: string;
  /** 0 for the model's own. */
  seconds: number;
  /** Empty for any. */
  seed: string;
  variations: number;
  steps: string;
  guidance: string;
  sampler: string;
  camera: string;
  /** A line for each. */
  motion: string;
  /** Whether the end leads on to the beginning. */
  round: boolean;
}

export const EMPTY: Wishes = {
  prompt: "", negative: "", size: "", seconds: 0, seed: "", variations: 1, steps: "", guidance: "", sampler: "", camera: "",
  motion: "", round: false,
};

const LARGEST_SEED = 2 ** 32;

/** The requests of a draft: one for each variation, with seeds that follow on one another. */
export function requests(wishes: Wishes, picture: File | null, random = Math.random): Record<string, Value>[] {
  const count = Math.max(1, Math.min(8, Math.round(wishes.variations)));
  const first = wishes.seed.trim() === "" ? Math.floor(random() * LARGEST_SEED) : wishes.seed.trim();
  const seed = (index: number) => (index === 0 ? String(first) : String(BigInt(first) + BigInt(index)));
  return Array.from({ length: count }, (_, index) => ({
    prompt: wishes.prompt.trim(),
    negative_prompt: wishes.negative.trim(),
    size: wishes.size.replace("×", "x"),
    seconds: wishes.seconds > 0 ? String(Math.round(wishes.seconds * 1000) / 1000) : "",
    seed: /^\d+$/.test(String(first)) ? seed(index) : String(first),
    num_inference_steps: wishes.steps,
    guidance_scale: wishes.guidance,
    sampler: wishes.sampler,
    camera: wishes.camera.trim(),
    motions: wishes.motion.trim(),
    loop: wishes.round ? "true" : "",
    input_reference: picture,
    fit: picture ? "crop" : "",
  }));
}

/** The wishes of a recipe, to ask for it again. */
export function wishesOf({ recipe, size, seconds }: Video, abilities: Abilities | undefined): Wishes {
  const own = parseSize(size);
  return {
    ...EMPTY,
    prompt: recipe.prompt,
    negative: recipe.negative_prompt ?? "",
    size: own ? `${own.width}x${own.height}` : "",
    seconds: nearestSeconds(Number(seconds), abilities?.fps ?? 16),
    seed: String(recipe.seed),
    steps: recipe.num_inference_steps?.toString() ?? "",
    guidance: recipe.guidance_scale?.toString() ?? "",
    sampler: recipe.sampler ?? "",
    camera: recipe.camera ?? "",
    motion: (recipe.motions ?? []).join("\n"),
    round: recipe.loop ?? false,
  };
}

/** The command that makes the same video without a server; only for videos of nothing but a prompt. */
export function command({ recipe, size }: Video): string | null {
  if (recipe.task.kind !== "imagine") return null;
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const options: [string, string | number | undefined][] = [
    ["--seed", recipe.seed], ["--size", size], ["--seconds", recipe.seconds], ["--frames", recipe.num_frames],
    ["--steps", recipe.num_inference_steps], ["--guidance", recipe.guidance_scale], ["--sampler", recipe.sampler],
    ["--negative", recipe.negative_prompt && quote(recipe.negative_prompt)],
    ["--camera", recipe.camera && quote(recipe.camera)],
    ...(recipe.motions ?? []).map((motion): [string, string] => ["--motion", quote(motion)]),
  ];
  const given = options.filter(([, value]) => value !== undefined && value !== "");
  const round = recipe.loop ? ["--loop"] : [];
  return ["misora generate", quote(recipe.prompt), ...given.map(([name, value]) => `${name} ${value}`), ...round].join(" ");
}

const NAME = "misora-draft";
const PRESETS = "misora-presets";

function read<T>(name: string, otherwise: T): T {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Settings under a name. */
export interface Preset {
  name: string;
  wishes: Partial<Wishes>;
}

class Draft {
  wishes = $state<Wishes>({ ...EMPTY, ...read<Partial<Wishes>>(NAME, {}) });
  picture = $state<File | null>(null);
  presets = $state<Preset[]>(read<Preset[]>(PRESETS, []));

  keep(): void {
    localStorage.setItem(NAME, JSON.stringify(this.wishes));
  }

  /** Keeps all but prompt and seed under a name. */
  savePreset(name: string): void {
    const { prompt: _prompt, seed: _seed, ...wishes } = $state.snapshot(this.wishes);
    this.presets = [...this.presets.filter((preset) => preset.name !== name), { name, wishes }];
    localStorage.setItem(PRESETS, JSON.stringify(this.presets));
  }

  dropPreset(name: string): void {
    this.presets = this.presets.filter((preset) => preset.name !== name);
    localStorage.setItem(PRESETS, JSON.stringify(this.presets));
  }
}

export const draft = new Draft();
