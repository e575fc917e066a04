"""The page in English."""

from imgsearch.ui.texts import en_duplicates, en_search, en_words

TEXTS = {
    **en_search.TEXTS,
    # The frame of every view.
    "nav.name": "Views",
    "nav.search": "Search",
    "nav.compare": "Compare",
    "nav.map": "Map",
    "nav.quality": "Quality",
    "nav.collections": "Collections",
    "nav.about": "About",
    "frame.collection": "Collection",
    "title.part": "Part of {name}",
    "title.upload": "Your picture",
    "title.example": "Example {name}",
    "preview.of_collection": "{n:,} {n:picture|pictures} to search by how they look: pick one or upload your own, and see the "
    "ones most like it.",
    "preview.of_item": "The pictures most like {item}, found among {n:,} by how they look.",
    "preview.sheet": "Pictures of the collection {title}",
    "frame.again": "The page tries again by itself.",
    "frame.failed": "Something went wrong here. It has been noted; reloading the page may help.",
    "frame.full": "As many people as this page can serve are here just now. Please come back in a few minutes.",
    "frame.no_collection": "There is no collection here yet.",
    "frame.pulling": "The pictures are on their way here: {done:,.1f} of {total:,.1f} MiB.",
    "frame.pull_failed": "The collection that belongs here could not be fetched. The log of the server says why.",
    "frame.build_one": "Build one from a folder of pictures, or install the sample, then reload this page:",
    # Signing in.
    "sign_in.intro": "These pictures are shown to those who sign in.",
    "sign_in.go": "Sign in",
    "sign_in.with": "Sign in with {provider}",
    "sign_in.out": "Sign out",
    "sign_in.not_allowed": "You are signed in as “{email}”, which is not on the list of those who may see these pictures, or "
    "is an address that has not been verified.",
    "sign_in.missing": "Nobody can sign in yet: packages are missing on the server, which `pip install 'streamlit[auth]'` brings.",
    "sign_in.broken": "Nobody can sign in yet: the sign-in of this page is not set up correctly. The log of the server says why.",
    # What in an address could not be used.
    "note.lang": "The page does not speak “{asked}”; this is English.",
    "note.view": "There is no view called “{asked}”; this is the search.",
    "note.collection": "There is no collection called “{asked}” here. This is {default}.",
    "note.own_collection": "This address names somebody's own pictures. Only who uploaded them can see them, until the page is "
    "closed or loaded again; then they are gone and have to be uploaded anew. This is {default}.",
    "note.space": "This collection has no space called “{asked}”; {default} is used.",
    "note.space2": "This collection has no second space called “{asked}” to compare with.",
    "note.item": "No picture of this collection is called “{asked}”; it is left out.",
    "note.upload": "This link was made with an uploaded picture, which a link cannot hold. "
    "Upload it again to search with it.",
    "note.example": "There is no example called “{asked}” here.",
    "note.too_many": "A search takes at most {most} pictures; the first {most} are used.",
    "note.region": "The region “{asked}” cannot be used; the whole picture is searched with. A region is left, top, right and "
    "bottom, each from 0 to 1.",
    "note.region_of_many": "A region can only be marked on a single picture; the whole pictures are searched with.",
    "note.k": "The number of results must be between 1 and {most}; {default} are shown.",
    "note.label": "No picture has the label “{asked}”; all labels are shown.",
    "note.max_distance": "The largest distance must be between 0 and {most}; results at any distance are shown.",
    "note.rerank": "There is no order called “{asked}”; it is left out.",
    "note.why": "No picture of this collection is called “{asked}”; there is nothing to explain.",
    "note.liked": "No picture of this collection is called “{asked}”; what was liked goes without it.",
    "note.disliked": "No picture of this collection is called “{asked}”; what was disliked goes without it.",
    "note.effort": "The effort must be quick, normal or exact; it is {default}.",
    # Pictures.
    "words.by_cnn": "CNN features",
    "words.by_color_histogram": "colours",
    "words.by_color_layout": "colours and their places",
    "words.by_edge_histogram": "edges",
    "words.by_cedd": "colours and edges",
    "words.by_joint": "colours, edges and texture",
    "words.technical": "Technical name: {name}.",
    "words.all_labels": "all labels",
    # Compare.
    "compare.title": "Two searches, side by side",
    "compare.one_space": "This collection has one space only, {space}; comparing needs a second one:",
    "compare.one_space_own": "Your pictures are compared by {space} only, so there is nothing to set beside it.",
    "compare.part": "Both are asked with a part of it, which Search shows.",
    "compare.change": "Choose another picture",
    "compare.space": "Left",
    "compare.space2": "Right",
    "compare.grid_left": "Most similar pictures on the left",
    "compare.grid_right": "Most similar pictures on the right",
    "compare.also": "{rank}. on the other side",
    "compare.summary": "Of {n} nearest {n:picture|pictures}, **{left}** {left:shows|show} the query's label by {space}, and **{right}** by {space2}. "
    "{n_common} {n_common:is|are} on both sides.",
    "compare.common": "Of {n} nearest {n:picture|pictures}, {n_common} {n_common:is|are} on both sides.",
    "compare.order": "Both sides are in the order of the distances, without re-ranking, likes and dislikes. Search may show the "
    "same pictures in another order.",
    "compare.measured": "By distance, **{value:.0%}** right among the first {k}, over all queries ({low:.0%} to {high:.0%})",
    "compare.not_measured": "Not measured in this collection.",
    "compare.note": "✓ marks the query's label. Percentages: share with the query's label when every picture of the collection is "
    "searched with once and left out of its own results; in brackets the 95 % interval. CNN features compare what is in the picture.",
    # Map.
    "map.title": "The collection as a map",
    "map.intro": "Every picture is a point, placed by {space}: what looks alike stands together. Click one to search with "
    "it, or draw around several.",
    "map.name": "Map of the collection",
    "map.instructions": "Arrow keys go from picture to picture, Enter searches with one, plus and minus zoom.",
    "map.loading": "Loading the map…",
    "map.failed": "The map could not be loaded. Reloading the page may help.",
    "map.kept": "You drew around {n} pictures. A search takes {most} at most: the {most} nearest to the middle of your line are "
    "searched with.",
    "map.hint": "Ctrl and wheel zoom the map.",
    "map.draw": "Draw around pictures; otherwise dragging moves the map",
    "map.to_query": "Go to the query",
    "map.zoom_in": "Zoom in",
    "map.zoom_out": "Zoom out",
    "map.all": "All",
    "map.labels": "Labels: choose one to see it alone",
    "map.query": "Searched with: {name}.",
    "map.open": "Open in Search",
    "map.marks": "What is searched with stands out as a picture with a thick frame. Lines lead from there to what was found, with "
    "the ranks of the results.",
    "map.foreign": "Nothing in this collection is similar to what is searched with, so its place on the map says little.",
    "map.sample": "{n:,} of {n_items:,} pictures are shown.",
    "map.note": "Made by t-SNE when the collection was built. Near means similar; far says little, and so do directions. A "
    "picture from outside stands where its nearest one stands.",
    "map.note_pca": "The first two principal components: directions in which these pictures differ most. Near means rather "
    "similar. A picture from outside stands where its nearest one stands.",
    # Quality.
    "quality.title": "How good is it?",
    "quality.none": "This collection has not been measured yet. Its builder can do that:",
    "quality.own": "A collection of your own pictures is not measured.",
    "quality.no_labels": "Measuring needs labels: at least two pictures must show the same one.",
    "quality.in_short": "**Of the first {k} results, {right} have the label of the picture that was searched with; by chance it would "
    "be {chance}.**",
    "quality.intro": "Each of {n:,} pictures was searched with once and left out of its own results. A result counts as right when it has "
    "the label of the query. **Precision@{k}** is the share of right ones among the first {k}.",
    "quality.engines": "Precision@{k} by engine",
    "quality.engines_help": "By distance, as Compare answers.",
    "quality.rerankings": "Orders, by {space}",
    "quality.default": "{rerank} (default of Search)",
    "quality.shown": "What follows was measured with **{space} · {rerank}**.",
    "quality.choose": "Show this engine below",
    "quality.interval": "The line on a bar is the 95 % interval, by bootstrap over queries. Where two do not overlap, the "
    "difference is hardly chance.",
    "quality.chance": "The dotted mark is what chance would give.",
    "quality.measures": "All measures of this engine",
    "quality.measures_help": "Recall@k: share of all right pictures that is among the first k. Hit rate@k: share of queries with at "
    "least one right picture among the first k. mAP: precision at the rank of every right picture, averaged.",
    "quality.value": "{value:.2f} ({low:.2f} to {high:.2f})",
    "quality.map": "mAP",
    "quality.precision": "Precision@{k}",
    "quality.recall": "Recall@{k}",
    "quality.hit_rate": "Hit rate@{k}",
    "quality.labels": "Worst labels",
    "quality.labels_help": "Precision@{k} by label of the query, the worst first. Each opens an example search.",
    "quality.all_labels": "The other labels, {n} in all",
    "quality.see": "See an example query",
    "quality.confused": "Most confused",
    "quality.confused_help": "What was among the first {k} instead. Each opens a search where it happened.",
    "quality.pair": "{label} → {other}",
    "quality.times": "{n} {n:time|times}",
    "quality.judged": "By human eye",
    "quality.judge_some": "Like and dislike results of a search: the share of likes appears here, and can be downloaded.",
    "quality.judged_engine": "{space}, {rerank}",
    "quality.judged_value": "{value:.2f} of {n}",
    "quality.judged_help": "Share of the results you judged that you liked, with its 95 % interval (Wilson). It tells of what was "
    "judged, not of all results.",
    "quality.name": "Your name or initials",
    "quality.name_help": "This page keeps judgements; what you write here is kept with those that follow.",
    "quality.download": "Download judgements (CSV)",
    # Collections.
    "collections.title": "Collections",
    "collections.current": "Shown in the other views",
    "collections.previews": "Some pictures of {title}",
    "collections.facts": "**{n:,}** {n:picture|pictures} · **{n_labels:,}** {n_labels:label|labels} · **{mb:,.1f}** MB · updated {updated}",
    "collections.space": "{space}: {size} × {size} px to {dim:,} {dim:number|numbers}, index {engine}, {mb:,.1f} MB",
    "collections.space_exact": "{space}: {size} × {size} px to {dim:,} {dim:number|numbers}, no index, {mb:,.1f} MB",
    "collections.reduced": ", by PCA from {dim:,}",
    "collections.skipped": "Left out: {n:,}",
    "collections.skipped_more": "And {n:,} more.",
    "collections.links": "Views of {title}",
    "collections.search": "Search in it",
    "collections.sound": "All of its files are here.",
    "collections.served": "It lives on a server, and is searched there.",
    "collections.broken": "It cannot be opened. {reason}",
    "collections.own": "Your own pictures",
    "collections.own_intro": "Up to {n} pictures, or a zip file of them, {mb} MB in all, become a collection that you can search, "
    "compare and see as a map. Only you see it. It is gone when you delete it, close this page or load it again.",
    "collections.own_upload": "Pictures or a zip file",
    "collections.own_encoding": "The file names do not say how they are encoded; they were read as {names}. If they look wrong, "
    "make the zip file again with names in UTF-8.",
    "collections.own_without_row": "Not named in metadata.csv, and so without a label: {n:,}",
    "collections.own_upload_help": "{formats}. Two or more folders in a zip file become labels.",
    "collections.own_make": "Make a collection",
    "collections.own_again": "Make another one in its place",
    "collections.own_nothing": "There are no files yet: choose some pictures or a zip file first.",
    "collections.own_reading": "Your own pictures: the files are being read…",
    "collections.own_looking": "Your own pictures: {done:,} of {total:,} looked at",
    "collections.own_arranging": "Your own pictures: all {total:,} looked at, now they are arranged",
    "collections.own_left_seconds": "about {n} s left",
    "collections.own_left_minutes": "about {n} min left",
    "collections.own_cancel": "Cancel",
    "collections.own_stopping": "This is being cancelled…",
    "collections.own_cancelled": "Cancelled. Nothing of it was kept.",
    "collections.own_ready": "Your own pictures are ready.",
    "collections.own_close": "Close",
    "collections.own_private": "Only you see it, and links to it work for nobody else. It is gone when you delete it, close this "
    "page or load it again.",
    "collections.own_delete": "Delete",
    # About.
    "about.title": "How it works",
    "about.intro": "A picture becomes a point, and pictures that show similar things become points that lie close together. "
    "Searching means finding the points nearby. Here is what happens with one picture of this collection:",
    "about.figure": "From a picture to its nearest neighbours, in four steps",
    "about.picture": "The picture",
    "about.cropped_text": "Turned upright, scaled and cropped to {size} × {size} pixels.",
    "about.squashed_text": "Turned upright and squashed, all of it, to {size} × {size} pixels.",
    "about.cnn": "A CNN without its classifier",
    "about.cnn_text": "{name} was trained to name things. Its last layer, the names, is left out; what remains says what the "
    "picture shows.",
    "about.taught": "A CNN without a classifier",
    "about.taught_text": "{name} was taught to see as a larger CNN does, which was trained to name things. Names are left out; what "
    "remains says what the picture shows.",
    "about.logits": "A CNN with its classifier",
    "about.logits_text": "{name} was trained to name things. How well each of its names fits says what the picture shows.",
    "about.descriptor": "A fixed formula",
    "about.descriptor_text": "{name} counts colours or edges. It has learnt nothing and knows nothing of what is shown.",
    "about.vector": "A vector of length 1",
    "about.vector_text": "{dim:,} {dim:number|numbers}. {shown:This is the first|These are the first {shown}} of this picture.",
    "about.nearest": "The nearest vectors",
    "about.nearest_index": "An index, {engine}, proposes candidates among {n:,}; their distances are then computed exactly.",
    "about.nearest_exact": "Without an index {n:|all }{n:,} {n:vector is|vectors are} compared: exact, and slower in large collections.",
    "about.distance": "The number on a card is the angular distance, √(2 − 2 cos): 0 is the same picture, 1.41 has nothing in "
    "common, 2 is the opposite.",
    "about.backbones": "What compares the pictures",
    "about.backbones_intro": "This collection can be searched by:",
    "about.numbers": "{size} × {size} px to {dim:,} {dim:number|numbers}",
    "about.needs_tensorflow": " · uploads need TensorFlow here",
    "about.own_weights": "trained on for pictures of the builder's own, from weights {license}",
    "about.other_backbones": "A collection can also be built with: {names}. Their weights are those of keras.applications "
    "(Apache License 2.0; VGG16: CC BY 4.0), trained on ImageNet (ILSVRC 2012).",
    "about.data": "The pictures",
    "about.data_sample": "{n:,} cats and dogs, drawn by code that is part of this project (MIT). Breeds, colours and scenes are "
    "independent of each other, so that colour alone cannot find a breed. Photographs of one's own, or those of the Oxford-IIIT Pet "
    "dataset, become such a page by `python -m imgsearch build pets --images DIR`.",
    "about.data_own": "{title}: {n:,} {n:picture|pictures}, {n_labels:,} {n_labels:label|labels}. "
    "The rights to the pictures are those of the folder that they came from.",
    "about.left_out": "Left out: {n:,}. Collections says why.",
    "about.data_source": "Source: {source}",
    "about.data_license": "Terms: {license}",
    "about.data_reference": "Quality and speed are measured on the Oxford-IIIT Pet dataset: Parkhi, Vedaldi, Zisserman and "
    "Jawahar 2012, *Cats and Dogs*, CVPR (CC BY-SA 4.0).",
    "about.privacy": "A picture that you search with is kept in the memory of this server, not on its disk, and forgotten when you "
    "leave. Of a collection that you make of your own pictures, small copies and what the network makes of them lie in a private "
    "temporary folder of this server until you delete it or leave; the files that you uploaded are removed as soon as it is made. "
    "Nobody else sees any of it.",
    "about.limits": "What it cannot do",
    "about.limits_text": "- **Similar is not the same.** What is found looks alike to the network. It does not recognise a person, an "
    "individual animal or a place, and must not be used for that.\n"
    "- **It knows what it was trained on**: everyday things, animals, food, vehicles of ImageNet. Medical, aerial or "
    "technical pictures, documents and text it compares badly, and it carries the biases of its training data.\n"
    "- **There is always a nearest.** Also when nothing in the collection is similar; look at the distances.\n"
    "- **Approximate.** The index may miss a neighbour. The distances of what is shown are exact.\n"
    "- **Very small things are lost.** A whole picture becomes one point. A part that is clearly nearer is searched with "
    "instead; what is smaller than a quarter of the picture's height is often missed.",
    "about.software": "Made with",
    "about.software_text": "[Keras](https://keras.io) and [TensorFlow](https://www.tensorflow.org) for making the networks, "
    "[LiteRT](https://github.com/google-ai-edge/LiteRT) for running them, "
    "[Annoy](https://github.com/spotify/annoy) and [USearch](https://github.com/unum-cloud/usearch) for the index, [Streamlit](https://streamlit.io) for the page (all Apache License "
    "2.0), [Pillow](https://python-pillow.github.io) for reading pictures (MIT-CMU), "
    "those of iPhones with [pillow-heif](https://github.com/bigcat88/pillow_heif) (BSD 3-Clause; its libraries LGPL and GPL). This project: MIT; the weights of `mini`, derived from MobileNetV2's by Google: Apache License 2.0.",
    **en_duplicates.TEXTS,
    **en_words.TEXTS,
}
