// @vitest-environment node
import { beforeAll, expect, test, vi } from "vitest";
import type { Video } from "../../src/lib/types";

let lib: typeof import("../../src/lib/draft.svelte");

beforeAll(async () => {
  const store = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
  vi.stubGlobal("localStorage", store);
  lib = await import("../../src/lib/draft.svelte");
});

const video = {
  size: "160x96", seconds: "2",
  recipe: {
    task: { kind: "imagine" }, prompt: "it's a ball", seed: 7, seconds: 2, num_inference_steps: 30, motions: ["ball: 0,0 -> 1,1"],
    camera: "pan left 5",
  },
} as Video;

test("variations have seeds that follow on one another", () => {
  const wishes = { ...lib.EMPTY, prompt: " a ball ", seed: "18446744073709551613", variations: 3, seconds: 1.1666667 };
  const made = lib.requests(wishes, null);
  expect(made.map((request) => request.seed)).toEqual(["18446744073709551613", "18446744073709551614", "18446744073709551615"]);
  expect(made[0]).toMatchObject({ prompt: "a ball", seconds: "1.167", fit: "", loop: "" });
  expect(lib.requests({ ...lib.EMPTY, round: true }, null)[0]?.loop).toBe("true");
  // Any seed is one number, so that it can be told and used again.
  expect(lib.requests({ ...lib.EMPTY, variations: 2 }, null, () => 0.5).map(({ seed }) => seed)).toEqual(["2147483648", "2147483649"]);
  // What is no seed goes to the server, which says so.
  expect(lib.requests({ ...lib.EMPTY, seed: "seven" }, null)[0]?.seed).toBe("seven");
  expect(lib.requests({ ...lib.EMPTY, variations: 99 }, null)).toHaveLength(8);
});

test("a recipe becomes wishes again", () => {
  expect(lib.wishesOf(video, undefined)).toEqual({
    ...lib.EMPTY, prompt: "it's a ball", size: "160x96", seconds: 2, seed: "7", steps: "30", camera: "pan left 5",
    motion: "ball: 0,0 -> 1,1",
  });
});

test("what plays round does so again, as long as it was asked to be", () => {
  // Without the frame that would be the first once more.
  const round = { ...video, seconds: "1.938", recipe: { ...video.recipe, loop: true } };
  expect(lib.wishesOf(round, undefined)).toMatchObject({ seconds: 2, round: true });
  expect(lib.command(round)).toMatch(/ --seconds 2 .* --loop$/);
});

test("a recipe becomes a command that a shell reads as it was", () => {
  expect(lib.command(video)).toBe(
    "misora generate 'it'\\''s a ball' --seed 7 --size 160x96 --seconds 2 --steps 30 --camera 'pan left 5' --motion 'ball: 0,0 -> 1,1'",
  );
  expect(lib.command({ ...video, recipe: { ...video.recipe, task: { kind: "remix", clip: "input-0", strength: 1 } } })).toBeNull();
});
