"""The duplicates view in Korean."""

TEXTS = {
    "nav.duplicates": "중복",
    "note.keep": "이 컬렉션에는 이름이 “{asked}”인 이미지가 없어 남길 이미지로 표시할 수 없습니다.",
    "note.too_many_kept": "한 주소에는 최대 {most}장까지 표시할 수 있습니다. 처음 {most}장만 사용합니다.",
    "duplicates.title": "중복된 이미지",
    "duplicates.beginning": "중복된 이미지를 찾고 있습니다…",
    "duplicates.looking": "중복된 이미지를 찾고 있습니다: {total:,}장 중 {done:,}장 확인…",
    "duplicates.comparing": "중복된 이미지를 찾고 있습니다: {total:,}쌍 중 {done:,}쌍 비교…",
    "duplicates.meanwhile": "그동안 다른 화면을 보셔도 작업은 계속됩니다. 한 번 끝나면 모든 방문자가 결과를 함께 봅니다.",
    "duplicates.none": "이 컬렉션에는 중복된 이미지가 없습니다. {n:,}장을 확인했습니다.",
    "duplicates.found": "이미지 {n_groups:,}장의 **복사본 {n:,}장**을 찾았습니다. 그중 {n_exact:,}장은 완전히 같은 파일입니다. 복사본을 빼면 {mb:,.1f} MB가 "
    "줄어듭니다.",
    "duplicates.what": "같은 파일이거나, 다시 저장했거나, 크기·밝기를 바꾸었거나, 흑백으로 바꾸었거나, 뒤집거나 90도 단위로 돌렸거나, 10분의 1까지 잘라 낸 이미지를 "
    "복사본으로 봅니다.",
    "duplicates.list": "목록 내려받기 (CSV)",
    "duplicates.list_help": "폴더를 정리할 때 쓰는 목록입니다. 그룹의 모든 이미지와 그중 남길 이미지, 나머지가 그와 어떻게 다른지 담겨 있습니다. 여기에서는 아무것도 "
    "삭제하지 않습니다.",
    "duplicates.groups": "복사본 그룹",
    "duplicates.group": "그룹 {number}: {n}장",
    "duplicates.size": "{width} × {height}픽셀, {kb:,.0f} KB",
    "duplicates.exact": "같은 파일",
    "duplicates.near": "거의 같음, 거리 {distance:.3f}",
    "duplicates.keep": "이 이미지 남기기",
    "duplicates.kept": "남길 이미지",
    "duplicates.elsewhere": "복사본은 모든 이미지를 서로 비교해 찾습니다. 서버에 있는 컬렉션은 너무 커서 여기에서는 찾지 않습니다.",
}
