/** Values that tell when they change, also when listeners interfere. */

import { expect, test } from "vitest";
import { Observable } from "../src/host/observable.js";

test("whoever changes the value while it is told: nobody is left with the older one", () => {
  const value = new Observable({ n: 0 });
  value.subscribe(({ n }) => {
    if (n === 1) {
      value.set({ n: 2 });
    }
  });
  const heard: number[] = [];
  value.subscribe(({ n }) => heard.push(n));
  value.set({ n: 1 });
  expect(new Set(heard)).toEqual(new Set([2]));
});

test("a listener that another one ended hears no more", () => {
  const value = new Observable(0);
  let end = () => {};
  value.subscribe(() => end());
  const heard: number[] = [];
  end = value.subscribe((n) => heard.push(n));
  value.set(1);
  expect(heard).toEqual([]);
});

test("one listener subscribed twice is called twice, and ends one by one", () => {
  const value = new Observable(0);
  const heard: number[] = [];
  const listener = (n: number) => {
    heard.push(n);
  };
  const end = value.subscribe(listener);
  value.subscribe(listener);
  value.set(1);
  end();
  end();
  value.set(2);
  expect(heard).toEqual([1, 1, 2]);
});

test("a patch that changes nothing is not told", () => {
  const value = new Observable({ a: 1, b: 2 });
  const before = value.get();
  let told = 0;
  value.subscribe(() => {
    told++;
  });
  value.patch({ a: 1 });
  expect(value.get()).toBe(before);
  value.patch({ a: 3 });
  expect(told).toBe(1);
});
