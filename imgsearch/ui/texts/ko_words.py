"""What is said of words that are searched with, in Korean; see `en_words`."""

TEXTS: dict[str, str] = {
    "why_words.both": "두 이미지에 함께 보이는 것: **{name}**",
    "quality_words.title": "단어",
    "quality_words.in_short": "라벨의 이름으로 찾으면 처음 {k}장 가운데 평균 {right}장이 그 라벨입니다. 우연이라면 {chance}장입니다.",
    "quality_words.by_picture": "그 라벨의 사진으로 검색하면 {n}장입니다.",
    "quality_words.intro": "이 컬렉션의 라벨 가운데 {n}개가 {name} 모델이 배운 단어입니다. 라벨은 전혀 쓰지 않고, 신경망이 사진에서 본 것만으로 순서를 "
    "정했습니다. 라벨이 같은 사진이 모두 앞에 오면 평균 정밀도가 1입니다. 점선은 우연일 때의 대략적인 값입니다.",
    "quality_words.weak": "**이 컬렉션에서 약한 단어:** {words}. 신경망이 이 컬렉션에서 잘 찾지 못하는 단어입니다.",
    "quality_words.all": "단어별 평균 정밀도",
    "quality_words.worst": "평균 정밀도가 가장 낮은 단어",
    "quality_words.best": "평균 정밀도가 가장 높은 단어",
    "map_words.note": "지도 위의 이름은 신경망이 그 주변 사진 대부분에서 본 것을 나타내는 단어입니다.",
    "about_words.title": "단어는 어디에서 오나요?",
    "about_words.text": "분류기를 갖춘 신경망은 ImageNet의 1,000가지 대상을 구별하도록 학습했습니다(Russakovsky et al. 2015, *ImageNet Large Scale Visual "
    "Recognition Challenge*). 그 대상의 이름과 상위 개념은 [WordNet 3.0](https://wordnet.princeton.edu)(프린스턴 대학교)에서 가져왔습니다. 예를 들어 비글은 "
    "하운드이고, 개이며, 동물입니다. 단어로 검색하면 컬렉션을 만들 때 신경망이 사진마다 본 것 가운데에서 찾습니다. 노을이나 특정 인물처럼 신경망이 배우지 않은 "
    "단어로는 찾을 수 없습니다.",
    "about_words.count": "이 컬렉션에서는 단어 **{n:,}개**로 찾을 수 있습니다. 라벨이거나, {name} 모델이 사진에서 알아본 것입니다.",
    "about_words.labels": "이 컬렉션에서는 라벨 **{n:,}개**로만 찾을 수 있습니다.",
    "about_words.none": "이 컬렉션에서는 단어로 찾을 수 없습니다.",
    "about_words.builder": "신경망의 가중치에 분류기가 있으면, 컬렉션을 만든 사람이 원본 이미지 없이도 다음 명령으로 단어를 추가할 수 있습니다.",
}
