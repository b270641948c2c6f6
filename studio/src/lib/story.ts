/** A storyboard: cards along a time line, and what becomes of them as a request. */

import type { Value } from "./api";
import type { Video } from "./types";

export interface StoryCard {
  /** Tells cards apart, whatever their order. */
  key: number;
  prompt: string;
  seconds: number;
  join: "cut" | "passage";
  picture: File | null;
  /** A video of the library that comes as it is, or goes on with a prompt. */
  clip: Pick<Video, "id" | "prompt" | "seconds"> | null;
  /** The key of a card before, whose first frame this one begins with. */
  reference: number | null;
}

export interface StoryWishes {
  shared: string;
  size: string;
  seed: string;
  /** Names and what they mean, a line for each: `ball = a small red ball`. */
  things: string;
}

export const blankCard = (key: number): StoryCard => ({
  key, prompt: "", seconds: 2, join: "cut", picture: null, clip: null, reference: null,
});

/** Times lie on frames. */
export const onFrame = (seconds: number, fps: number): number => Math.max(1, Math.round(seconds * fps)) / fps;

/** Where each card begins and ends. */
export function times(cards: StoryCard[], fps: number): { from: number; to: number }[] {
  let end = 0;
  return cards.map((card) => {
    const from = end;
    end += Math.round(onFrame(card.seconds, fps) * fps);
    return { from: from / fps, to: end / fps };
  });
}

/** The cards in another order; nothing refers to a card that comes later. */
export function moved(cards: StoryCard[], from: number, to: number): StoryCard[] {
  const place = Math.min(Math.max(to, 0), cards.length - 1);
  const order = cards.slice();
  order.splice(place, 0, ...order.splice(from, 1));
  return tidied(order);
}

/** References point backwards. */
export function tidied(cards: StoryCard[]): StoryCard[] {
  return cards.map((card, index) => {
    const earlier = cards.slice(0, index).some((other) => other.key === card.reference);
    return { ...card, reference: earlier ? card.reference : null };
  });
}

export function things(text: string): Record<string, string> {
  const pairs = text.split("\n").map((line) => line.split("="));
  return Object.fromEntries(
    pairs.filter(([name, ...rest]) => name?.trim() && rest.join("=").trim())
      .map(([name, ...rest]) => [name!.trim(), rest.join("=").trim()]),
  );
}

/** A card that begins with a picture follows at a cut: nothing could lead over into a picture that is given. */
export const joinOf = (card: StoryCard): StoryCard["join"] =>
  !card.clip && (card.picture || card.reference !== null) ? "cut" : card.join;

/** The form that tells the story. */
export function storyRequest(cards: StoryCard[], wishes: StoryWishes, fps: number): Record<string, Value> {
  const spans = times(cards, fps);
  const files: Record<string, Value> = {};
  const sent = cards.map((card, index) => {
    const name = (key: number) => `card-${key}`;
    if (card.picture && !card.clip) files[`picture-${index}`] = card.picture;
    return {
      ...spans[index],
      name: name(card.key),
      ...(card.prompt.trim() && { prompt: card.prompt.trim() }),
      ...(index > 0 && { join: joinOf(card) }),
      ...(card.clip && { clip: { id: card.clip.id } }),
      ...(!card.clip && card.picture && { image: { file: `picture-${index}` } }),
      ...(!card.clip && !card.picture && card.reference !== null && { reference: name(card.reference) }),
    };
  });
  const named = things(wishes.things);
  return {
    cards: JSON.stringify(sent),
    things: Object.keys(named).length > 0 ? JSON.stringify(named) : "",
    prompt: wishes.shared.trim(),
    size: wishes.size.replace("×", "x"),
    seed: wishes.seed.trim(),
    fps: cards.some((card) => card.clip) ? "" : fps,
    fit: "crop",
    ...files,
  };
}
