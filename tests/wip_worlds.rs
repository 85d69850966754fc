mod suite {
    mod gridworld;
}
