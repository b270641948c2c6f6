/** Sizes and lengths that a model can make. */

import type { Abilities } from "./types";

export interface Size {
  width: number;
  height: number;
}

/** The proportions that are offered, widest first. */
export const SHAPES = [
  { name: "wide", across: 16, down: 9 },
  { name: "classic", across: 4, down: 3 },
  { name: "square", across: 1, down: 1 },
  { name: "portrait", across: 3, down: 4 },
  { name: "tall", across: 9, down: 16 },
] as const;

/** Width and height out of `128x96`. */
export function parseSize(text: string): Size | null {
  const [, width, height] = /^\s*(\d+)\s*[x×*]\s*(\d+)\s*$/i.exec(text) ?? [];
  return width && height ? { width: Number(width), height: Number(height) } : null;
}

export const showSize = ({ width, height }: Size): string => `${width}×${height}`;

/** The nearest side that works. */
export function nearestSide(side: number, { side_step, min_side, max_side }: Abilities): number {
  const stepped = Math.round(side / side_step) * side_step;
  return Math.min(Math.max(stepped, min_side), Math.floor(max_side / side_step) * side_step);
}

/** A size in these proportions that covers about as much as the model's own, times `scale` along each side. */
export function sizeOf(shape: { across: number; down: number }, abilities: Abilities, scale = 1): Size {
  const own = parseSize(abilities.size) ?? { width: 128, height: 128 };
  const area = own.width * own.height * scale * scale;
  const ratio = shape.across / shape.down;
  return {
    width: nearestSide(Math.sqrt(area * ratio), abilities),
    height: nearestSide(Math.sqrt(area / ratio), abilities),
  };
}

/** Seconds from the first frame to the last of the video whose length is nearest: it has 4k + 1 frames. */
export function nearestSeconds(seconds: number, fps: number): number {
  return Math.max(1, Math.round((seconds * fps) / 4)) * 4 / fps;
}

/** Seconds as people write them, with no more decimals than needed. */
export const showSeconds = (seconds: number | string): string => String(Math.round(Number(seconds) * 1000) / 1000);
