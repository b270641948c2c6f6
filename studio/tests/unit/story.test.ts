import { expect, test } from "vitest";
import { type StoryCard, blankCard, moved, storyRequest, things, tidied, times } from "../../src/lib/story";

const card = (key: number, more: Partial<StoryCard> = {}): StoryCard => ({ ...blankCard(key), prompt: `shot ${key}`, ...more });
const wishes = { shared: " at noon ", size: "160×96", seed: "", things: "" };

test("cards follow on one another on frames", () => {
  const spans = times([card(1, { seconds: 0.3 }), card(2, { seconds: 2 }), card(3, { seconds: 0 })], 16);
  expect(spans).toEqual([{ from: 0, to: 5 / 16 }, { from: 5 / 16, to: 37 / 16 }, { from: 37 / 16, to: 38 / 16 }]);
});

test("a story becomes a form", () => {
  const picture = new File(["p"], "a.png", { type: "image/png" });
  const cards = [
    card(7, { picture }),
    card(3, { join: "passage" }),
    card(9, { prompt: " ", clip: { id: "video_1", prompt: "p", seconds: "1" } }),
    card(2, { join: "passage", reference: 7 }),
  ];
  const form = storyRequest(cards, { ...wishes, things: "ball = a red ball" }, 16);
  const sent = JSON.parse(String(form.cards));
  expect(sent[0]).toEqual({ from: 0, to: 2, name: "card-7", prompt: "shot 7", image: { file: "picture-0" } });
  expect(sent[1].join).toBe("passage");
  expect(sent[2]).toEqual({ from: 4, to: 6, name: "card-9", join: "cut", clip: { id: "video_1" } });
  // Nothing leads over into a picture that is given.
  expect(sent[3]).toMatchObject({ join: "cut", reference: "card-7" });
  expect([form["picture-0"], form.prompt, form.size, form.fps]).toEqual([picture, "at noon", "160x96", ""]);
  expect(JSON.parse(String(form.things))).toEqual({ ball: "a red ball" });
  expect(storyRequest([card(1)], wishes, 16)).toMatchObject({ fps: 16, things: "" });
});

test("what is moved refers to nothing that comes later", () => {
  const cards = [card(1), card(2, { join: "passage", reference: 1 }), card(3)];
  expect(moved(cards, 1, 0).map(({ key, join, reference }) => [key, join, reference])).toEqual([
    [2, "passage", null], [1, "cut", null], [3, "cut", null],
  ]);
  // Nothing leads into the first card.
  expect(JSON.parse(String(storyRequest(moved(cards, 1, 0), wishes, 16).cards))[0]).not.toHaveProperty("join");
  expect(moved(cards, 0, 99).map(({ key }) => key)).toEqual([2, 3, 1]);
  expect(moved(cards, 2, -1).map(({ key }) => key)).toEqual([3, 1, 2]);
  expect(tidied(cards)[1]).toMatchObject({ join: "passage", reference: 1 });
});

test("things are read line by line", () => {
  expect(things("ball = a red ball\n\nbad line\n 球=红色的球 = 小\n=x\ny=")).toEqual({ ball: "a red ball", 球: "红色的球 = 小" });
});
