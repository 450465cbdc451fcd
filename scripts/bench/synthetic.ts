// The images that stress one thing each: size, number of layers, number of files, links and removals.

import { tarArchive, type TarEntry } from "../../test/support/tar-archive.ts";
import { proseMaker, randomNumbers, type LayerWriter, type Recipe } from "./recipe.ts";

const MEGABYTE = 1e6;

export const SYNTHETIC: readonly Recipe[] = [
  {
    name: "few fat layers",
    about: "3 layers of 80 MB, 10 MB a file",
    layers: layers(3, fatLayer),
  },
  {
    name: "thirty thin layers",
    about: "30 layers of 3 MB, of which each replaces files of the one below",
    layers: layers(30, thinLayer),
  },
  {
    name: "small files",
    about: "50,000 files of up to 4 KB in 5 layers",
    layers: layers(5, smallFilesLayer),
  },
  {
    name: "hard links",
    about: "10,000 hard links in 5 layers, which remove names and directories of those below",
    layers: layers(5, hardLinksLayer),
  },
];

function layers(count: number, entriesOf: (layer: number) => TarEntry[]): LayerWriter[] {
  return Array.from({ length: count }, (_, layer) => async (path) => {
    await Bun.write(path, tarArchive(entriesOf(layer)));
  });
}

function fatLayer(layer: number): TarEntry[] {
  const prose = proseMaker(100 + layer);
  return Array.from({ length: 8 }, (_, file) => ({
    path: `fat/layer-${layer}/file-${file}`,
    content: prose(10 * MEGABYTE),
  }));
}

function thinLayer(layer: number): TarEntry[] {
  const prose = proseMaker(200 + layer);
  const random = randomNumbers(layer);
  return Array.from({ length: 60 }, (_, file) => ({
    // Five names stand in every layer.
    path: file < 5 ? `thin/shared/file-${file}` : `thin/layer-${layer}/file-${file}`,
    content: prose(Math.floor(random() * 0.1 * MEGABYTE)),
  }));
}

function smallFilesLayer(layer: number): TarEntry[] {
  const prose = proseMaker(300 + layer);
  const random = randomNumbers(layer);
  return Array.from(
    { length: 100 },
    (_, folder) => `small/layer-${layer}/folder-${folder}`,
  ).flatMap((folder) => [
    { path: `${folder}/` },
    ...Array.from({ length: 100 }, (_, file) => ({
      path: `${folder}/file-${file}`,
      content: prose(Math.floor(random() * 4096)),
    })),
  ]);
}

// A layer's links lead to its own files: others a single `tar -x`, which the floor is made of, could not write.
function hardLinksLayer(layer: number): TarEntry[] {
  const prose = proseMaker(400 + layer);
  const folder = `links/layer-${layer}`;
  const files = Array.from({ length: 250 }, (_, file) => ({
    path: `${folder}/file-${file}`,
    content: prose(20_000),
  }));
  const links = Array.from({ length: 2000 }, (_, link) => ({
    path: `${folder}/folder-${link % 20}/link-${link}`,
    type: "hardlink" as const,
    target: `${folder}/file-${link % files.length}`,
  }));
  return [...files, ...links, ...(layer === 0 ? [] : removals(layer - 1))];
}

// Of links alone: `crane export` writes none whose target an upper layer removes, and tar then fails.
function removals(below: number): TarEntry[] {
  const folder = `links/layer-${below}`;
  return [
    ...Array.from({ length: 100 }, (_, link) => ({
      path: `${folder}/folder-2/.wh.link-${2 + 20 * link}`,
    })),
    { path: `${folder}/.wh.folder-0` },
    { path: `${folder}/folder-1/.wh..wh..opq` },
  ];
}
