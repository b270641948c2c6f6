import { expect, test } from "vitest";
import { SHAPES, nearestSeconds, nearestSide, parseSize, showSeconds, sizeOf } from "../../src/lib/shape";
import type { Abilities } from "../../src/lib/types";

const abilities: Abilities = {
  size: "128x128", side_step: 16, min_side: 32, max_side: 1024, num_frames: 33, fps: 16, num_inference_steps: 20,
  guidance_scale: 4, sampler: "unipc", samplers: ["unipc"], camera: true, motion: true, needs_picture: false,
};

test("sizes are read as people write them", () => {
  expect(parseSize(" 160×96 ")).toEqual({ width: 160, height: 96 });
  expect(parseSize("160x96")).toEqual({ width: 160, height: 96 });
  for (const wrong of ["", "160", "160x", "x96", "axb", "-1x2"]) expect(parseSize(wrong)).toBeNull();
});

test("every size that is offered can be made, and covers about as much", () => {
  for (const shape of SHAPES) {
    const { width, height } = sizeOf(shape, abilities);
    expect([width % 16, height % 16]).toEqual([0, 0]);
    expect(Math.abs((width * height) / (128 * 128) - 1)).toBeLessThan(0.25);
    expect(Math.abs(width / height / (shape.across / shape.down) - 1)).toBeLessThan(0.2);
  }
  expect(sizeOf({ across: 1, down: 1 }, abilities)).toEqual({ width: 128, height: 128 });
  expect(nearestSide(5, abilities)).toBe(32);
  expect(nearestSide(9999, abilities)).toBe(1024);
});

test("lengths are those of 4k + 1 frames", () => {
  expect(nearestSeconds(2.1, 16)).toBe(2);
  expect(nearestSeconds(0, 16)).toBe(0.25);
  expect(nearestSeconds(1.2, 24) * 24).toBeCloseTo(28);
  expect(showSeconds(nearestSeconds(1.2, 24))).toBe("1.167");
  expect(showSeconds("2.000")).toBe("2");
});
