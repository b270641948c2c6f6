/** What the API says, as far as the page reads it. */

export type Status = "queued" | "in_progress" | "completed" | "failed";

export type Task =
  | { kind: "imagine" }
  | { kind: "animate"; picture: string }
  | { kind: "remix"; clip: string; strength: number }
  | { kind: "inpaint"; clip: string; mask: string }
  | { kind: "extend"; clip: string; backward: number; forward: number }
  | { kind: "loop"; clip: string; over: number }
  | { kind: "blend"; first: string; second: string; over: number }
  | { kind: "mix"; first: string; second: string; over: number; strength: number }
  | { kind: "recut"; clip: string; from: number; to: number | null }
  | { kind: "story"; story: string; media: string[] };

/** All that was asked for. */
export interface Recipe {
  task: Task;
  prompt: string;
  negative_prompt?: string;
  size?: [number, number];
  seconds?: number;
  num_frames?: number;
  frame_rate?: [number, number];
  num_inference_steps?: number;
  guidance_scale?: number;
  sampler?: string;
  camera?: string;
  motions?: string[];
  loop?: boolean;
  fit?: string;
  seed: number;
}

export interface Video {
  id: string;
  model: string;
  status: Status;
  progress: number;
  created_at: number;
  completed_at: number | null;
  prompt: string | null;
  size: string;
  seconds: string;
  remixed_from_video_id: string | null;
  error: { code: string; message: string } | null;
  seed: number;
  recipe: Recipe;
}

export interface VideoPage {
  data: Video[];
  last_id: string | null;
  has_more: boolean;
}

/** What the model can make, and makes when nothing is said. */
export interface Abilities {
  size: string;
  side_step: number;
  min_side: number;
  max_side: number;
  num_frames: number;
  fps: number;
  num_inference_steps: number;
  guidance_scale: number;
  sampler: string;
  samplers: string[];
  camera: boolean;
  motion: boolean;
  needs_picture: boolean;
}

export interface Model {
  id: string;
  abilities: Abilities;
}

/** Which marks a file carries. */
export interface Detection {
  verdict: "misora" | "generated" | "no_mark";
  watermark: { payload: { version: number; model: number; video: number }; strength: number } | null;
  credentials: {
    standing: "absent" | "broken" | "valid" | "trusted";
    generator: string | null;
    inputs: string[];
    problems: string[];
  };
  aigc: { Label: string; ContentProducer: string; ProduceID: string } | null;
}

/** How far a job is, as it is told while it runs. */
export interface Live {
  position?: number;
  phase?: string;
  step?: number;
  total?: number;
  progress: number;
  preview?: string;
}
