"""The duplicates view in English."""

TEXTS = {
    "nav.duplicates": "Duplicates",
    "note.keep": "No picture of this collection is called “{asked}”; it cannot be kept.",
    "note.too_many_kept": "At most {most} pictures can be marked in one address; the first {most} are.",
    "duplicates.title": "Pictures held more than once",
    "duplicates.beginning": "Looking for copies…",
    "duplicates.looking": "Looking for copies: {done:,} of {total:,} {total:picture|pictures} looked at…",
    "duplicates.comparing": "Looking for copies: {done:,} of {total:,} {total:pair|pairs} compared…",
    "duplicates.meanwhile": "You can look at the other views meanwhile; it goes on, and is done once for everybody.",
    "duplicates.none": "No picture of this collection is held more than once: {n:,} {n:was|were} looked at.",
    "duplicates.found": "**{n:,} {n:copy|copies}** of {n_groups:,} {n_groups:picture|pictures}, {n_exact:,} of them the same file. Without "
    "{n:it|them} the pictures would take {mb:,.1f} MB less.",
    "duplicates.what": "A copy is the same file, or the same picture saved anew, resized, brightened, in grey, mirrored, turned by "
    "quarters or cropped by up to a tenth.",
    "duplicates.list": "Download the list (CSV)",
    "duplicates.list_help": "For whoever tidies up the folder: every picture of a group, which one to keep, and how the others differ from it. "
    "Nothing is deleted here.",
    "duplicates.groups": "Groups of copies",
    "duplicates.group": "Group {number}: {n} pictures",
    "duplicates.size": "{width} × {height} px, {kb:,.0f} KB",
    "duplicates.exact": "same file",
    "duplicates.near": "near-copy, {distance:.3f}",
    "duplicates.keep": "Keep this one",
    "duplicates.kept": "Kept",
    "duplicates.elsewhere": "Copies are looked for by comparing all pictures, which a collection on a server is too large for.",
}
