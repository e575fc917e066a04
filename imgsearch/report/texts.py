"""The words of a report, in English and Korean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_ENGLISH = {
    "title": "Similar pictures",
    "query": "The query",
    "results": "Most similar",
    "nothing": "Nothing was found.",
    "outside": "a picture from outside the collection",
    "collection": "Collection",
    "n_items": "{title}: {n:,} {n:picture|pictures}, updated {updated}",
    "source": "Source",
    "license": "Licence",
    "compared_by": "Compared by",
    "cnn": "CNN {name}, {dim:,} {dim:dimension|dimensions}",
    "descriptor": "descriptor {name}, {dim:,} {dim:dimension|dimensions}",
    "pca": "{space}, reduced to {dim:,} {dim:dimension|dimensions}",
    "reference": "Paper",
    "weights": "Weights",
    "words": "Showing",
    "not_words": "Not showing",
    "k": "Results asked for",
    "region": "Part of the picture",
    "region_marked": "{region} (left, top, right, bottom)",
    "region_found": "{region} (left, top, right, bottom), found by itself",
    "liked": "More like",
    "disliked": "Less like",
    "only_label": "Label",
    "max_distance": "Largest distance",
    "without_copies": "Near-copies",
    "hidden": "{n} hidden",
    "rerank": "Order",
    "reranked": "by the re-ranking {name}",
    "by_distance": "by distance alone",
    "by_worth": "by how much they look like it",
    "engine": "Searched by",
    "by_index": "the index {name}, effort {effort}",
    "by_all": "comparing with every picture",
    "quick": "quick",
    "normal": "normal",
    "link": "Link",
    "time": "Time",
    "step": "{step} {ms:.1f} ms",
    "step_decode": "decoding",
    "step_embed": "embedding",
    "step_find": "looking for parts",
    "step_search": "search",
    "step_rerank": "re-ranking",
    "made": "Made",
    "distance": "distance {distance}",
    "worth": "looks like it: {worth}",
    "nearer": "nearer than {share} % of pairs",
    "foreign": "Nothing in this collection is similar to the query. (About {rate:.0%} of the pictures that do belong here "
    "get this message too.)",
    "was": "by distance {rank}",
    "same_label": "same label",
    "copy": "the same file",
    "how": "How to read this",
    "how_words": "The percentage is the probability that the network's classifier gives to what the words mean, which it "
    "learned from photographs of ImageNet; a picture that is labelled with the words has 100 %. Distances between pictures "
    "play no part.",
    "how_distance": "The distance tells how alike two pictures look: 0 is the same picture, 1.41 has nothing in common, "
    "2 is the opposite.",
    "how_nearer": "“Nearer than 99 % of pairs” compares the distance with those between any two pictures of this "
    "collection. A bar is full "
    "where one pair in a thousand is nearer; it has two thirds for one in a hundred, and one third for one in ten.",
    "how_exact": "Distances are exact; they were computed for {n:,} of the {all:,} {all:picture|pictures}.",
    "how_all": "All pictures that may answer were compared, and exactly.",
    "how_rank": "The first number is the rank. The re-ranking changes the order, never the distance.",
    "how_label": "✓ marks the query's own label. Labels take no part in the search.",
    "how_cnn": "What looks alike is the judgement of a network trained on photographs. It compares what is in a picture "
    "more than its colours, and may see a likeness that people do not.",
    "how_descriptor": "A descriptor is a fixed formula over colours or edges. It knows nothing of what a picture shows.",
    "footer": "Made with imgsearch {version}. This page needs no network and holds no script.",
}

_KOREAN = {
    "title": "비슷한 이미지",
    "query": "검색 이미지",
    "results": "가장 비슷한 이미지",
    "nothing": "검색 결과가 없습니다.",
    "outside": "컬렉션에 없는 이미지",
    "collection": "컬렉션",
    "n_items": "{title}: 이미지 {n:,}장, {updated} 갱신",
    "source": "출처",
    "license": "라이선스",
    "compared_by": "비교 기준",
    "cnn": "CNN {name}, {dim:,}차원",
    "descriptor": "디스크립터 {name}, {dim:,}차원",
    "pca": "{space}, {dim:,}차원으로 축소",
    "reference": "논문",
    "weights": "가중치",
    "words": "찾는 단어",
    "not_words": "제외한 단어",
    "k": "요청한 결과 수",
    "region": "이미지의 영역",
    "region_marked": "{region} (왼쪽, 위, 오른쪽, 아래)",
    "region_found": "{region} (왼쪽, 위, 오른쪽, 아래), 자동으로 찾음",
    "liked": "좋아요",
    "disliked": "싫어요",
    "only_label": "라벨",
    "max_distance": "최대 거리",
    "without_copies": "거의 같은 이미지",
    "hidden": "{n}장 숨김",
    "rerank": "순서",
    "reranked": "{name} 순위 재조정",
    "by_distance": "거리순",
    "by_worth": "단어와 닮은 정도순",
    "engine": "검색 방법",
    "by_index": "{name} 인덱스, 검색 강도 {effort}",
    "by_all": "모든 이미지와 비교",
    "quick": "빠르게",
    "normal": "보통",
    "link": "링크",
    "time": "소요 시간",
    "step": "{step} {ms:.1f} ms",
    "step_decode": "디코딩",
    "step_embed": "임베딩",
    "step_find": "영역 찾기",
    "step_search": "검색",
    "step_rerank": "순위 재조정",
    "made": "작성",
    "distance": "거리 {distance}",
    "worth": "닮은 정도 {worth}",
    "nearer": "전체 쌍의 {share}%보다 가까움",
    "foreign": "이 컬렉션에는 검색 이미지와 비슷한 이미지가 없습니다. "
    "(이 컬렉션에 어울리는 이미지라도 약 {rate:.0%}는 이렇게 표시됩니다.)",
    "was": "거리순 {rank}위",
    "same_label": "같은 라벨",
    "copy": "같은 파일",
    "how": "읽는 방법",
    "how_words": "백분율은 ImageNet 사진으로 학습한 신경망의 분류기가 단어의 뜻에 매긴 확률입니다. "
    "그 단어가 라벨인 이미지는 100%입니다. 이미지 사이의 거리는 쓰이지 않습니다.",
    "how_distance": "거리는 두 이미지가 얼마나 비슷해 보이는지를 나타냅니다. 0은 같은 이미지, "
    "1.41은 공통점이 없는 이미지, 2는 정반대를 뜻합니다. "
    "막대는 거리 0에서 가득 차고 1.41에서 비어 있습니다.",
    "how_nearer": "“전체 쌍의 99%보다 가까움”은 이 컬렉션의 임의의 두 이미지 사이 거리와 비교한 값입니다. "
    "이보다 가까운 쌍이 1,000쌍에 하나이면 막대가 가득 차고, 100쌍에 하나이면 3분의 2, 10쌍에 하나이면 3분의 1이 찹니다.",
    "how_exact": "거리는 정확한 값이며, 전체 이미지 {all:,}장 가운데 {n:,}장에 대해 계산했습니다.",
    "how_all": "결과가 될 수 있는 모든 이미지를 정확하게 비교했습니다.",
    "how_rank": "첫 번째 숫자는 순위입니다. 순위 재조정은 순서만 바꾸고 거리는 바꾸지 않습니다.",
    "how_label": "✓는 검색 이미지와 라벨이 같다는 표시입니다. 라벨은 검색에 쓰이지 않습니다.",
    "how_cnn": "비슷하다는 판단은 사진으로 학습한 신경망이 내립니다. 색보다는 이미지에 담긴 내용을 비교하며, "
    "사람이 보지 못하는 유사성을 찾기도 합니다.",
    "how_descriptor": "디스크립터는 색이나 윤곽을 계산하는 고정된 수식입니다. 이미지에 무엇이 담겨 있는지는 알지 못합니다.",
    "footer": "imgsearch {version}(으)로 작성했습니다. 이 문서는 네트워크가 필요 없으며 스크립트를 포함하지 않습니다.",
}

NO_BREAK = "\N{NO-BREAK SPACE}"


def _together(texts: Mapping[str, str]) -> Mapping[str, str]:
    """A number and the word after it stay on one line."""
    return MappingProxyType({key: re.sub(r"(?<=[\d}]) (?=[%\w{])", NO_BREAK, text) for key, text in texts.items()})


LANGUAGES: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": _together(_ENGLISH), "ko": _together(_KOREAN)})
"""Language -> key -> text, some with {braces} for values. All have the same keys."""
