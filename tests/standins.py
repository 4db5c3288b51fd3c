"""Small sets of painted noise in the exact layout, names and quirks of the presets' real ones."""

from __future__ import annotations

import csv
import pickle
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ARTISTS = """
Amedeo Modigliani: Expressionism; Vasiliy Kandinskiy: Expressionism,Abstractionism; Diego Rivera:
Social Realism,Muralism; Claude Monet: Impressionism; Rene Magritte: Surrealism,Impressionism;
Salvador Dali: Surrealism; Edouard Manet: Realism,Impressionism; Andrei Rublev: Byzantine Art;
Vincent van Gogh: Post-Impressionism; Gustav Klimt: Symbolism,Art Nouveau; Hieronymus Bosch:
Northern Renaissance; Kazimir Malevich: Suprematism; Mikhail Vrubel: Symbolism; Pablo Picasso:
Cubism; Peter Paul Rubens: Baroque; Pierre-Auguste Renoir: Impressionism; Francisco Goya:
Romanticism; Frida Kahlo: Primitivism,Surrealism; El Greco: Mannerism; Albrecht Dürer: Northern
Renaissance; Alfred Sisley: Impressionism; Pieter Bruegel: Northern Renaissance; Marc Chagall:
Primitivism; Giotto di Bondone: Proto Renaissance; Sandro Botticelli: Early Renaissance; Caravaggio:
Baroque; Leonardo da Vinci: High Renaissance; Diego Velazquez: Baroque; Henri Matisse:
Impressionism,Post-Impressionism; Jan van Eyck: Northern Renaissance; Edgar Degas: Impressionism;
Rembrandt: Baroque; Titian: High Renaissance,Mannerism; Henri de Toulouse-Lautrec:
Post-Impressionism; Gustave Courbet: Realism; Camille Pissarro: Impressionism,Post-Impressionism;
William Turner: Romanticism; Edvard Munch: Symbolism,Expressionism; Paul Cezanne:
Post-Impressionism; Eugene Delacroix: Romanticism; Henri Rousseau: Primitivism; Georges Seurat:
Post-Impressionism; Paul Klee: Expressionism,Abstractionism,Surrealism; Piet Mondrian:
Neoplasticism; Joan Miro: Surrealism; Andy Warhol: Pop Art; Paul Gauguin:
Symbolism,Post-Impressionism; Raphael: High Renaissance; Michelangelo: High Renaissance; Jackson
Pollock: Abstract Expressionism
"""
BROKEN = "Albrecht_Du\u0308rer".encode().decode("cp437")  # by an unzip that takes UTF-8 for CP437


def noise(number: int, *shape: int, shade: int = 0) -> NDArray[np.uint8]:
    """A picture of its own: `shade` makes those of a class alike."""
    rng = np.random.default_rng(number)
    colour = np.random.default_rng([shade]).integers(0, 200, shape[2:], dtype=np.uint8)
    return colour + rng.integers(0, 56, shape, dtype=np.uint8)


def _jpeg(path: Path, number: int, *, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = 40 + number % 3 * 10, 56 - number % 2 * 20
    Image.fromarray(noise(number, height, width, 3, shade=shade)).save(path)


def art_genres(folder: Path) -> None:
    """50 artists with 4 pictures each, all of them again under resized/, one artist twice."""
    artists = [entry.split(": ") for entry in " ".join(ARTISTS.split()).split("; ")]
    images = folder / "images" / "images"
    (folder / "resized" / "resized").mkdir(parents=True)
    rows = []
    for shade, (name, genre) in enumerate(artists):
        written = name.replace(" ", "_").replace("ü", "ue")
        rows.append((shade, name, genre, 4))
        for number in range(1, 5):
            path = images / written / f"{written}_{number}.jpg"
            _jpeg(path, 4 * shade + number, shade=shade)
            with Image.open(path) as picture:
                picture.reduce(2).save(folder / "resized" / "resized" / path.name)
    for path in (images / "Albrecht_Duerer").iterdir():
        copy = images / BROKEN / path.name.replace("Albrecht_Duerer", BROKEN)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
    with (folder / "artists.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "name", "genre", "paintings"), *rows])


def prado(folder: Path) -> None:
    """5 painters, most by Goya."""
    for shade, painter in enumerate(("Goya", "Bayeu", "Haes", "Pizarro", "Ribera")):
        for number in range(1, 13 if painter == "Goya" else 8):
            path = folder / painter / f"Autorretrato y otoño {number}.jpg"
            _jpeg(path, 100 * shade + number, shade=shade)


def wikiart_styles(folder: Path) -> None:
    """3 styles by the same 15 artists, who are in the files' names."""
    for shade, style in enumerate(("Expressionism", "Post_Impressionism", "Romanticism")):
        for number in range(20):
            artist = ("andré-derain", "ilya-mashkov", "théodore-géricault")[number % 3]
            name = f"{artist}-{number % 5}_l'étoile-du-matin-{1890 + number}(1).jpg"
            _jpeg(folder / style / name, 100 * shade + number, shade=shade)


def mnist(folder: Path) -> None:
    """idx files as torchvision stores them unpacked: big-endian heads, then bytes."""
    raw = folder / "MNIST/raw"
    raw.mkdir(parents=True)
    for part, each in (("train", 6), ("t10k", 2)):
        labels = np.arange(10 * each, dtype=np.uint8) % 10
        pictures = np.stack([noise(i, 28, 28, 1, shade=i % 10) for i in range(len(labels))])
        for name, kind, array in (("labels", 1, labels), ("images", 3, pictures[..., 0])):
            head = bytes([0, 0, 8, kind]) + np.array(array.shape, ">u4").tobytes()
            (raw / f"{part}-{name}-idx{kind}-ubyte").write_bytes(head + array.tobytes())


def cifar10(folder: Path) -> None:
    """Pickles as CIFAR's authors made them."""
    names = ["airplane", "automobile", "bird", "cat", "deer"]
    names += ["dog", "frog", "horse", "ship", "truck"]
    top = folder / "cifar-10-batches-py"
    top.mkdir(parents=True)
    for number, part in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        labels = list(range(len(names)))
        pictures = [noise(1000 * number + i, 32, 32, 3, shade=i) for i in labels]
        data = np.stack(pictures).transpose(0, 3, 1, 2).reshape(len(labels), -1)
        (top / part).write_bytes(pickle.dumps({"data": data, "labels": labels}))
    (top / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
