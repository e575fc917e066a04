"""The breeds of the sample gallery: one row each, and nothing but what a breed differs in.

Lengths are in body units: about one trunk length of a medium animal. Head measures are in skull radii. Colour is not
here: every breed is drawn in every palette (`imgsearch.sample.palettes`), and a row says only where the dark and the
light of the palette go (`Coat.pattern`). To add a breed, add a row.

Source of the traits: the breeds' well-known looks, drawn from memory and exaggerated as a picture book would.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Pattern = Literal[
    "solid", "shaded", "points", "tabby", "rosettes", "calico", "tuxedo", "van", "saddle", "mask", "bib", "tan_points",
    "wolf", "patches", "spots", "brindle",
]  # fmt: skip
EarKind = Literal["pricked", "folded", "drop", "button", "rose"]
TailKind = Literal["slim", "plush", "plume", "curl", "sabre", "whip", "low", "stub", "pompon"]


@dataclass(frozen=True)
class Head:
    """Skull and face; lengths in skull radii unless said otherwise.

    Args:
        size: Skull radius in body units.
        width, height: Skull half axes.
        muzzle: Length of the muzzle in front of the skull.
        muzzle_width, muzzle_depth: Half axes of the muzzle at its tip.
        drop: How far the muzzle sits below the middle of the skull.
        cheeks: Radius of the cheeks.
        flews: How far the upper lips hang.
        eye: Radius of the eye. `eye_apart`: distance of the eyes from the middle. `eye_height`: above the middle.
        slant: Upward tilt of the outer corner of the eye, radians.
        nose: Half width of the nose.
        wrinkles: 0 smooth .. 1 deep folds on the brow.
    """

    size: float = 0.25
    width: float = 1.0
    height: float = 0.95
    muzzle: float = 0.5
    muzzle_width: float = 0.45
    muzzle_depth: float = 0.36
    drop: float = 0.3
    cheeks: float = 0.45
    flews: float = 0.0
    eye: float = 0.23
    eye_apart: float = 0.46
    eye_height: float = 0.1
    slant: float = 0.1
    nose: float = 0.15
    wrinkles: float = 0.0


@dataclass(frozen=True)
class Ears:
    """Ears; lengths in skull radii.

    Args:
        spread: Angle from the top of the head to the side, radians.
        tuft: Hair at the tip.
    """

    kind: EarKind = "pricked"
    length: float = 0.9
    width: float = 0.5
    spread: float = 0.65
    tuft: float = 0.0


@dataclass(frozen=True)
class Body:
    """Trunk and limbs in body units. `bone`: radius of the lower leg. `girth`: radius of the neck."""

    length: float = 0.9
    chest: float = 0.25
    waist: float = 0.21
    rump: float = 0.24
    width: float = 0.9
    legs: float = 0.42
    bone: float = 0.06
    neck: float = 0.22
    girth: float = 0.16


@dataclass(frozen=True)
class Tail:
    """Tail: kind of carriage, length in body units, radius at root and tip."""

    kind: TailKind = "slim"
    length: float = 0.8
    root: float = 0.05
    tip: float = 0.035


@dataclass(frozen=True)
class Coat:
    """Coat: where light and dark go, and hair lengths in body units.

    Args:
        pattern: Name of the rule in `imgsearch.sample.animal.coats`.
        body, head, ruff, legs, tail, ears: Hair length there; about 0.01 is smooth, 0.1 very long.
        curl: 0 straight .. 1 curly.
        skin: 0 furred .. 1 hairless and wrinkled.
    """

    pattern: Pattern
    body: float = 0.02
    head: float = 0.015
    ruff: float = 0.02
    legs: float = 0.012
    tail: float = 0.02
    ears: float = 0.01
    curl: float = 0.0
    skin: float = 0.0


@dataclass(frozen=True)
class Breed:
    """One breed: `slug` is its label and folder name, in the style of the Oxford-IIIT Pet dataset."""

    slug: str
    species: Literal["cat", "dog"]
    coat: Coat
    head: Head = field(default_factory=Head)
    ears: Ears = field(default_factory=Ears)
    body: Body = field(default_factory=Body)
    tail: Tail = field(default_factory=Tail)

    @property
    def name(self) -> str:
        """The slug in words: `Maine Coon`."""
        return self.slug.replace("_", " ")


# fmt: off
BREEDS: tuple[Breed, ...] = (
    # ------------------------------------------------------------------------------------------------------------- cats
    Breed("Siamese", "cat", Coat("points", body=.012, head=.008, ruff=.012, tail=.012),
          Head(size=.25, width=.84, height=.9, muzzle=.72, muzzle_width=.34, muzzle_depth=.3, drop=.32,
               cheeks=.3, eye=.24, slant=.42),
          Ears(length=1.35, width=.72, spread=.78),
          Body(length=.88, chest=.185, waist=.15, rump=.18, legs=.5, bone=.042, neck=.32, girth=.1),
          Tail("slim", length=1.0, root=.04, tip=.02)),
    Breed("Persian", "cat", Coat("shaded", body=.11, head=.07, ruff=.13, legs=.06, tail=.13, ears=.04),
          Head(size=.31, width=1.18, height=.98, muzzle=.1, muzzle_width=.52, muzzle_depth=.3, drop=.16,
               cheeks=.72, eye=.31, eye_apart=.5, slant=-.02, eye_height=.02),
          Ears(length=.55, width=.48, spread=.92),
          Body(length=.78, chest=.3, waist=.29, rump=.29, width=1.05, legs=.26, bone=.08, neck=.1, girth=.22),
          Tail("plush", length=.62, root=.09, tip=.12)),
    Breed("Maine_Coon", "cat", Coat("tabby", body=.08, head=.035, ruff=.12, legs=.035, tail=.13, ears=.03),
          Head(size=.29, width=.96, height=1.0, muzzle=.58, muzzle_width=.46, muzzle_depth=.42, drop=.34,
               cheeks=.42, eye=.22, slant=.28),
          Ears(length=.98, width=.58, spread=.58, tuft=.45),
          Body(length=1.0, chest=.28, waist=.25, rump=.27, legs=.44, bone=.075, neck=.2, girth=.2),
          Tail("plush", length=.95, root=.1, tip=.1)),
    Breed("Sphynx", "cat", Coat("solid", body=0, head=0, ruff=0, legs=0, tail=0, ears=0, skin=1.),
          Head(size=.25, width=.88, height=.98, muzzle=.48, muzzle_width=.38, muzzle_depth=.32, drop=.34,
               cheeks=.38, eye=.32, eye_apart=.47, slant=.28, wrinkles=.8),
          Ears(length=1.3, width=.9, spread=.85),
          Body(length=.82, chest=.21, waist=.225, rump=.2, legs=.46, bone=.042, neck=.26, girth=.1),
          Tail("whip", length=.9, root=.035, tip=.012)),
    Breed("Scottish_Fold", "cat", Coat("tuxedo", body=.035, head=.025, ruff=.04, legs=.02, tail=.035),
          Head(size=.31, width=1.1, height=.96, muzzle=.32, muzzle_width=.5, muzzle_depth=.34, drop=.28,
               cheeks=.56, eye=.32, eye_apart=.5, slant=0),
          Ears("folded", length=.55, width=.6, spread=.74),
          Body(length=.8, chest=.26, waist=.25, rump=.27, legs=.36, bone=.07, neck=.12, girth=.19),
          Tail("slim", length=.7, root=.06, tip=.045)),
    Breed("Bengal", "cat", Coat("rosettes", body=.01, head=.008, ruff=.01, legs=.008, tail=.012),
          Head(size=.26, width=.9, height=.88, muzzle=.6, muzzle_width=.44, muzzle_depth=.36, drop=.3,
               cheeks=.38, eye=.23, slant=.22),
          Ears(length=.78, width=.5, spread=.72),
          Body(length=1.05, chest=.215, waist=.19, rump=.22, legs=.47, bone=.056, neck=.26, girth=.14),
          Tail("slim", length=.9, root=.055, tip=.04)),
    Breed("British_Shorthair", "cat", Coat("solid", body=.03, head=.028, ruff=.035, legs=.02, tail=.03),
          Head(size=.33, width=1.14, height=.98, muzzle=.34, muzzle_width=.54, muzzle_depth=.38, drop=.3,
               cheeks=.68, eye=.26, eye_apart=.5, slant=.04),
          Ears(length=.58, width=.5, spread=.78),
          Body(length=.84, chest=.31, waist=.29, rump=.3, width=1.0, legs=.36, bone=.085, neck=.1, girth=.22),
          Tail("slim", length=.6, root=.075, tip=.06)),
    Breed("Munchkin", "cat", Coat("calico", body=.03, head=.02, ruff=.035, legs=.02, tail=.035),
          Head(size=.28, width=1.02, height=.92, muzzle=.4, muzzle_width=.42, muzzle_depth=.32, drop=.3,
               cheeks=.46, eye=.28, slant=.14),
          Ears(length=.86, width=.56, spread=.62),
          Body(length=.98, chest=.21, waist=.2, rump=.22, legs=.16, bone=.06, neck=.14, girth=.14),
          Tail("slim", length=.75, root=.05, tip=.035)),
    # ------------------------------------------------------------------------------------------------------------- dogs
    Breed("Beagle", "dog", Coat("saddle", body=.012, head=.008, ruff=.015, tail=.03),
          Head(size=.25, width=.9, height=.92, muzzle=.95, muzzle_width=.42, muzzle_depth=.4, drop=.3,
               cheeks=.36, flews=.18, eye=.19, eye_apart=.43, nose=.2),
          Ears("drop", length=1.2, width=.56, spread=1.25),
          Body(length=.88, chest=.25, waist=.2, rump=.22, legs=.44, bone=.065, neck=.22, girth=.15),
          Tail("sabre", length=.55, root=.05, tip=.03)),
    Breed("Pug", "dog", Coat("mask", body=.01, head=.006, ruff=.02, tail=.015),
          Head(size=.32, width=1.1, height=.96, muzzle=.2, muzzle_width=.58, muzzle_depth=.4, drop=.3,
               cheeks=.56, flews=.3, eye=.29, eye_apart=.53, nose=.2, wrinkles=1.),
          Ears("button", length=.62, width=.4, spread=1.05),
          Body(length=.76, chest=.29, waist=.25, rump=.25, width=.95, legs=.36, bone=.062, neck=.12, girth=.22),
          Tail("curl", length=.5, root=.055, tip=.045)),
    Breed("Corgi", "dog", Coat("bib", body=.04, head=.02, ruff=.065, legs=.02, tail=.05, ears=.012),
          Head(size=.29, width=1.0, height=.88, muzzle=.78, muzzle_width=.32, muzzle_depth=.28, drop=.28,
               cheeks=.48, eye=.19, eye_apart=.44, nose=.17),
          Ears(length=1.12, width=.58, spread=.55),
          Body(length=1.12, chest=.26, waist=.24, rump=.26, legs=.17, bone=.065, neck=.2, girth=.19),
          Tail("stub", length=.14, root=.07, tip=.05)),
    Breed("Dachshund", "dog", Coat("tan_points", body=.006, head=.005, ruff=.008, tail=.008),
          Head(size=.25, width=.82, height=.82, muzzle=1.35, muzzle_width=.3, muzzle_depth=.28, drop=.26,
               cheeks=.3, flews=.08, eye=.19, eye_apart=.4, nose=.18),
          Ears("drop", length=1.25, width=.5, spread=1.15),
          Body(length=1.42, chest=.2, waist=.165, rump=.18, legs=.14, bone=.052, neck=.28, girth=.12),
          Tail("whip", length=.6, root=.04, tip=.012)),
    Breed("Poodle", "dog", Coat("solid", body=.06, head=.07, ruff=.08, legs=.06, tail=.07, ears=.06, curl=1.),
          Head(size=.22, width=.82, height=.88, muzzle=1.3, muzzle_width=.25, muzzle_depth=.24, drop=.2,
               cheeks=.24, eye=.18, eye_apart=.4, nose=.18),
          Ears("drop", length=1.3, width=.62, spread=1.25),
          Body(length=.8, chest=.25, waist=.19, rump=.21, legs=.64, bone=.075, neck=.34, girth=.14),
          Tail("pompon", length=.42, root=.03, tip=.1)),
    Breed("Husky", "dog", Coat("wolf", body=.05, head=.03, ruff=.075, legs=.025, tail=.09, ears=.015),
          Head(size=.28, width=1.0, height=.92, muzzle=.88, muzzle_width=.35, muzzle_depth=.32, drop=.28,
               cheeks=.46, eye=.18, eye_apart=.43, slant=.3, nose=.18),
          Ears(length=.82, width=.46, spread=.48),
          Body(length=.96, chest=.28, waist=.24, rump=.25, legs=.5, bone=.07, neck=.24, girth=.19),
          Tail("plume", length=.7, root=.07, tip=.075)),
    Breed("Greyhound", "dog", Coat("brindle", body=.006, head=.004, ruff=.004, legs=.004, tail=.005, ears=.004),
          Head(size=.19, width=.64, height=.74, muzzle=1.8, muzzle_width=.25, muzzle_depth=.26, drop=.2,
               cheeks=.24, eye=.19, eye_apart=.42, nose=.19),
          Ears("rose", length=.6, width=.3, spread=1.0),
          Body(length=.96, chest=.25, waist=.105, rump=.18, width=.72, legs=.66, bone=.04, neck=.42, girth=.095),
          Tail("low", length=.85, root=.032, tip=.012)),
    Breed("Basset_Hound", "dog", Coat("patches", body=.01, head=.007, ruff=.015, tail=.02),
          Head(size=.27, width=.84, height=.98, muzzle=1.1, muzzle_width=.46, muzzle_depth=.42, drop=.36,
               cheeks=.34, flews=.5, eye=.17, eye_apart=.42, slant=-.3, nose=.22, wrinkles=.7),
          Ears("drop", length=2.1, width=.56, spread=1.4),
          Body(length=1.22, chest=.27, waist=.22, rump=.24, legs=.17, bone=.095, neck=.22, girth=.19),
          Tail("sabre", length=.6, root=.05, tip=.025)),
    Breed("Chihuahua", "dog", Coat("solid", body=.008, head=.006, ruff=.01, tail=.012),
          Head(size=.28, width=1.02, height=1.06, muzzle=.46, muzzle_width=.28, muzzle_depth=.24, drop=.36,
               cheeks=.36, eye=.31, eye_apart=.52, nose=.14),
          Ears(length=1.35, width=.68, spread=.98),
          Body(length=.66, chest=.2, waist=.16, rump=.18, legs=.4, bone=.036, neck=.2, girth=.11),
          Tail("sabre", length=.5, root=.035, tip=.02)),
    Breed("Saint_Bernard", "dog", Coat("van", body=.045, head=.025, ruff=.07, legs=.03, tail=.08, ears=.02),
          Head(size=.32, width=1.08, height=1.02, muzzle=.66, muzzle_width=.58, muzzle_depth=.5, drop=.34,
               cheeks=.5, flews=.55, eye=.15, eye_apart=.42, slant=-.22, nose=.24, wrinkles=.5),
          Ears("drop", length=.95, width=.55, spread=1.1),
          Body(length=1.1, chest=.36, waist=.32, rump=.32, width=.98, legs=.48, bone=.11, neck=.2, girth=.26),
          Tail("low", length=.8, root=.08, tip=.07)),
    Breed("Dalmatian", "dog", Coat("spots", body=.006, head=.005, ruff=.006, legs=.005, tail=.008),
          Head(size=.26, width=.88, height=.86, muzzle=1.05, muzzle_width=.38, muzzle_depth=.36, drop=.26,
               cheeks=.34, flews=.12, eye=.19, eye_apart=.43, nose=.2),
          Ears("drop", length=.95, width=.5, spread=1.0),
          Body(length=.98, chest=.26, waist=.18, rump=.21, width=.8, legs=.58, bone=.056, neck=.32, girth=.135),
          Tail("whip", length=.75, root=.042, tip=.015)),
)
# fmt: on
